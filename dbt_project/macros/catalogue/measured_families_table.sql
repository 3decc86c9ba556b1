{#- out: the relation of a hash a family: of which statements and which last complete month its statistics are. -#}
{% macro measured_families_table() -%}
    {{ api.Relation.create(database=target.database, schema='intermediate', identifier='measured_families') }}
{%- endmacro %}
