{#- The table that `ml score` appends to. It exists from the first build on, so that the marts build before any score.
    Reasons came later than the table: a warehouse of before gets the column, and keeps its scores without them. -#}
{% macro create_scores_table() %}
    create schema if not exists scores;
    create table if not exists scores.scores (
        customer_id varchar not null,
        target varchar not null,
        model_id varchar not null,
        as_of timestamp not null,
        score double not null,
        percentile double not null,
        scored_from varchar not null,
        reasons varchar[],
        primary key (customer_id, target, model_id, as_of)
    );
    alter table scores.scores add column if not exists reasons varchar[]
{% endmacro %}
