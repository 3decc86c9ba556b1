-- one row a customer at the snapshot month; key: customer_id, feature_month
{{ config(materialized='table') }}
with customers as (
    select * from {{ ref('stg_one_click__market_file') }}
),

months as (
    select * from {{ ref('int_one_click_months') }}
),

money as (
    select * from {{ ref('stg_one_click__money') }}
),

by_age as (
    select
        *,
        date_diff('month', feature_month, {{ almanac_snapshot_month('one_click') }}) as months_ago,
    from months
),

histories as (
    select
        customer_id,
        max(revenue) filter (where months_ago = 0) as revenue,
        max(revenue) filter (where months_ago = 1) as revenue_lag_1,
        max(revenue) filter (where months_ago = 2) as revenue_lag_2,
        sum({{ exactly_summable('revenue') }}) filter (where months_ago between 0 and 2) as revenue_3m,
        count(*) filter (where months_ago between 0 and 2 and revenue > 0) as active_months_3m,
        max(minutes) filter (where months_ago = 0) as minutes,
        max(minutes) filter (where months_ago = 1) as minutes_lag_1,
    from by_age
    group by customer_id
),

described as (
    select
        customers.*,
        histories.* exclude (customer_id),
        money.profit,
        customers.snapshot_month as feature_month,
    from customers
    left join histories on customers.customer_id = histories.customer_id
    left join money on customers.customer_id = money.customer_id
)

select
    customer_id,
    feature_month,
    {{ known_at('feature_month', 'one_click') }} as event_timestamp,
    {{- feature_columns(almanac_features(almanac_spec('ftr_market'))) }}
from described
