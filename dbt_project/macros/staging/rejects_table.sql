{#- The one table of rows that staging set aside, with the place and the reason. Filled by the materialization `staged`. -#}
{% macro rejects_table() -%}
    {{ api.Relation.create(database=target.database, schema='staging', identifier='rejects') }}
{%- endmacro %}

{% macro create_rejects_table() %}
    create schema if not exists staging;
    create table if not exists {{ rejects_table() }} (
        model varchar not null,
        file varchar,
        row_number bigint,
        reason varchar not null,
        raw_row varchar
    )
{% endmacro %}
