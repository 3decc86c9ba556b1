-- one row a day of the customers' months, from the first to the last; key: date_day
-- Metrics that add up months, or compare a month with the one before, do so along these days.
with months as (
    select
        min(feature_month) as first_month,
        max(feature_month) as last_month,
    from {{ ref('fct_customer_months') }}
),

days as (
    select unnest(range(cast(first_month as timestamp), last_month + interval 1 month, interval 1 day)) as instant
    from months
)

select
    cast(instant as date) as date_day,
    {{ month_start('instant') }} as feature_month,
from days
