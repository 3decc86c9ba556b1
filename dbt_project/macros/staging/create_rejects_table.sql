{#- out: the statements that create the table of rejects where it is missing; for on-run-start. -#}
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
