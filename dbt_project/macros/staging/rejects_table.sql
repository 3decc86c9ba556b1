{#- The one table of rows that staging set aside, with the place and the reason. Filled by the materialization `staged`. -#}
{% macro rejects_table() -%}
    {{ api.Relation.create(database=target.database, schema='staging', identifier='rejects') }}
{%- endmacro %}
