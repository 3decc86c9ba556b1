-- one row a feature, model and month that it scored: its part in the change of the mean log-odds; key: target, model_id, score_month, feature
-- Means of the same sample of customers in both months. The feature `` is what no feature adds, which stays where contributions are exact.
-- `ml score` adds to its contributions what it adds to the scores.
-- depends_on: {{ source('scores', 'scores') }}
{{ config(materialized='table') }}
with months as (
    select
        *,
        {{ month_start('as_of') }} as score_month,
    from monitoring.contributions
    qualify as_of = max(as_of) over (partition by target, model_id, {{ month_start('as_of') }})
),

pairs as (
    select
        *,
        lag(score_month) over one = score_month - interval 1 month as has_month_before,
        lag(mean_value) over one as mean_value_before,
        lag(contribution) over one as contribution_before,
    from months
    window one as (partition by target, model_id, feature order by score_month)
)

select
    target,
    model_id,
    score_month,
    feature,
    mean_value,
    case when has_month_before then mean_value_before end as mean_value_before,
    null_share,
    contribution,
    case when has_month_before then contribution - contribution_before end as change,
    rows,
from pairs
