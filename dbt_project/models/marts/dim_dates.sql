-- one row a day, from the first month with a customer to that of the newest score; key: date_day
-- Metrics that add up months, or compare a month with the one before, do so along these days.
with spine as (
    select
        feature_month,
        bool_and(is_complete) as is_complete,
    from {{ ref('int_customer_months') }}
    group by feature_month
),

-- A score is as of the first instant after the last month that it knows.
bounds as (
    select
        min(feature_month) as first_month,
        greatest(max(feature_month) + interval 1 month, date_trunc('month', (select max(as_of) from {{ source('scores', 'scores') }}))) as last_month,
        max(feature_month) filter (where is_complete) as newest_complete,
    from spine
),

days as (
    select
        unnest(range(cast(first_month as timestamp), last_month + interval 1 month, interval 1 day)) as instant,
        newest_complete,
    from bounds
)

select
    cast(days.instant as date) as date_day,
    {{ month_start('days.instant') }} as feature_month,
    cast(year(days.instant) as integer) as year,
    cast(quarter(days.instant) as integer) as quarter,
    cast(month(days.instant) as integer) as month_of_year,
    strftime(days.instant, '%Y-%m') as year_month,
    strftime(days.instant, '%B %Y') as label,
    coalesce(spine.is_complete, false) as is_complete,
    cast(date_diff('month', days.instant, days.newest_complete) as integer) as months_ago,
from days
left join spine on {{ month_start('days.instant') }} = spine.feature_month
