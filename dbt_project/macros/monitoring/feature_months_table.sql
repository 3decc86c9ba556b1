{#- The relation of what was measured of each feature in each month, beside its reference; families fill it (measure_changed_months). -#}
{% macro feature_months_table() -%}
    {{ api.Relation.create(database=target.database, schema='monitoring', identifier='feature_months') }}
{%- endmacro %}
