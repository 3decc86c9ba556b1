{#- The relation of a hash a family and month: of which rows, reference and statements its measures are. -#}
{% macro measured_months_table() -%}
    {{ api.Relation.create(database=target.database, schema='monitoring', identifier='measured_months') }}
{%- endmacro %}
