{#- A generic test of a model written as SQL: where `ml score` scored with that model at the same instant, from the
    warehouse, both have the same customers and the same scores. -#}
{% test agrees_with_scores(model, target, model_id, tolerance) %}
with exported as (
    select * from {{ model }}
),

scored as (
    select * from {{ source('scores', 'scores') }}
    where
        target = '{{ target }}'
        and model_id = '{{ model_id }}'
        and scored_from = 'offline'
        and as_of in (select as_of from exported)
)

select
    coalesce(exported.customer_id, scored.customer_id) as customer_id,
    exported.score as sql_score,
    scored.score as model_score,
from exported
full outer join scored on exported.customer_id = scored.customer_id
where
    (select count(*) from scored) > 0
    and (
        exported.score is null
        or scored.score is null
        or abs(exported.score - scored.score) > {{ tolerance }}
    )
{% endtest %}
