-- one row a model, month whose labels are known, and tenth of its scores; key: target, model_id, score_month, tenth
{{ config(materialized='table') }}
with labelled as (
    select
        *,
        ntile(10) over (partition by target, model_id, score_month order by score, customer_id) as tenth,
    from {{ ref('int_monitoring_scored') }}
    where label is not null
),

tenths as (
    select
        target,
        model_id,
        score_month,
        tenth,
        count(*) as customers,
        avg(score) as mean_score,
        sum(label) as positives,
    from labelled
    group by target, model_id, score_month, tenth
)

select
    target,
    model_id,
    score_month,
    cast(tenth as integer) as tenth,
    customers,
    mean_score,
    cast(positives as bigint) as positives,
    positives / customers as prevalence,
    {{ wilson('positives', 'customers', '-') }} as prevalence_low,
    {{ wilson('positives', 'customers', '+') }} as prevalence_high,
from tenths
