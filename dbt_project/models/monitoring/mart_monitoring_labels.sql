-- one row a target and month of labels: how many are known, and how many of them are 1; key: target, label_month
{{ config(materialized='table') }}
with labels as (
    select
        *,
        {{ month_start('event_timestamp') }} as label_month,
    from {{ ref('int_monitoring_labels') }}
)

select
    target,
    label_month,
    count(*) as labelled,
    count(*) filter (where label = 1) as positives,
from labels
group by target, label_month
