{#- out: the statements that create the table of statistics, and that of what was measured, where they are missing; for on-run-start. -#}
{% macro create_feature_statistics_table() %}
    create schema if not exists intermediate;
    create table if not exists {{ feature_statistics_table() }} (
        family varchar not null,
        name varchar not null,
        null_share double not null,
        distinct_values bigint not null,
        mean double,
        minimum double,
        maximum double,
        drift double,
        measured_rows bigint not null
    );
    create table if not exists {{ measured_families_table() }} (family varchar not null, version ubigint not null)
{% endmacro %}
