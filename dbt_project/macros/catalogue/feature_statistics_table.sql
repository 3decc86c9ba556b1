{#-
    What was measured of each feature when its family was last built. Families fill it, each its own rows, in a
    post-hook (measure_features); `marts.dim_features` reads it.
-#}
{% macro feature_statistics_table() -%}
    {{ api.Relation.create(database=target.database, schema='intermediate', identifier='feature_statistics') }}
{%- endmacro %}

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
    )
{% endmacro %}
