-- one row a month of which positions say something; key: feature_month
-- From the first month with positions to the eleventh after the last, in which a year's cells are still those of the past.
-- A version stands for all positions up to its month, for what was seen before and what is new depend on them.
with built as (
    select
        feature_month,
        sum(hash(feature_month, month_version)) over (order by feature_month) as history_version,
    from {{ ref('int_mbd_geo_cell_months') }}
),

calendar as (
    select cast(unnest(generate_series(min(feature_month), max(feature_month) + interval 11 month, interval 1 month)) as date) as feature_month
    from built
)

select
    calendar.feature_month,
    hash(last_value(built.history_version ignore nulls) over (order by calendar.feature_month)) as month_version,
from calendar
left join built on calendar.feature_month = built.feature_month
