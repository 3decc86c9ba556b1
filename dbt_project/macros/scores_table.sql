{#- The table that `ml score` appends to. It exists from the first build on, so that the marts build before any score. -#}
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
        primary key (customer_id, target, model_id, as_of)
    )
{% endmacro %}
