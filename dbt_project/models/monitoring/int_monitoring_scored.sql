-- one row a customer, model and month that it scored, with the label once it is known; key: target, model_id, score_month, customer_id
-- Of several instants of a month the last counts.
{{ config(materialized='view', schema='intermediate', access='protected') }}
with scores as (
    select
        *,
        {{ month_start('as_of') }} as score_month,
    from {{ source('scores', 'scores') }}
    qualify as_of = max(as_of) over (partition by target, model_id, {{ month_start('as_of') }})
),

labels as (
    select
        *,
        {{ month_start('event_timestamp') }} as label_month,
    from {{ ref('int_monitoring_labels') }}
    -- Answers to campaigns may be several in a month: the first counts.
    qualify row_number() over (partition by target, customer_id, {{ month_start('event_timestamp') }} order by event_timestamp, label) = 1
),

baselines as (
    select * from {{ ref('int_monitoring_baselines') }}
)

select
    scores.target,
    scores.model_id,
    scores.score_month,
    scores.as_of,
    scores.customer_id,
    scores.score,
    scores.percentile,
    labels.label,
    baselines.feature as baseline,
    -- What says nothing ranks last.
    coalesce(baselines.ranking, '-infinity') as baseline_ranking,
from scores
left join labels
    on
        scores.target = labels.target
        and scores.customer_id = labels.customer_id
        and scores.score_month = labels.label_month
asof left join baselines
    on
        scores.target = baselines.target
        and scores.customer_id = baselines.customer_id
        and scores.as_of >= baselines.event_timestamp
