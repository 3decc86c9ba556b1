{#- out: the statement that creates the table of judged files where it is missing; for on-run-start. -#}
{% macro create_judged_files_table() %}
    create table if not exists {{ judged_files_table() }} (
        model varchar not null,
        file varchar not null,
        stamp ubigint not null
    )
{% endmacro %}
