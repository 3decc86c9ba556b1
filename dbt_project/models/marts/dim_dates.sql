-- one row a calendar month, from the first with a customer to that of the newest score; key: month
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
        min(spine.feature_month) as first_month,
        greatest(max(spine.feature_month) + interval 1 month, (select max(as_of) from {{ source('scores', 'scores') }})) as last_month,
        max(spine.feature_month) filter (where spine.is_complete) as newest_complete,
    from spine
),

months as (
    select
        cast(unnest(generate_series(first_month, date_trunc('month', last_month), interval 1 month)) as date) as month,
        newest_complete,
    from bounds
)

select
    months.month,
    last_day(months.month) as last_day,
    cast(year(months.month) as integer) as year,
    cast(quarter(months.month) as integer) as quarter,
    cast(month(months.month) as integer) as month_of_year,
    strftime(months.month, '%Y-%m') as year_month,
    strftime(months.month, '%B %Y') as label,
    coalesce(spine.is_complete, false) as is_complete,
    cast(date_diff('month', months.month, months.newest_complete) as integer) as months_ago,
from months
left join spine on months.month = spine.feature_month
