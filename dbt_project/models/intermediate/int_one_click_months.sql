-- one row a customer and month of revenue or minutes; key: customer_id, feature_month
with money as (
    select * from {{ ref('stg_one_click__market_money') }}
),

minutes as (
    select * from {{ ref('stg_one_click__market_time') }}
),

-- A customer without revenue or minutes is in the shop's file all the same.
listed as (
    select
        customer_id,
        snapshot_month as feature_month,
    from {{ ref('stg_one_click__market_file') }}
    union
    select
        customer_id,
        feature_month,
    from money
    union
    select
        customer_id,
        feature_month,
    from minutes
)

select
    listed.customer_id,
    listed.feature_month,
    money.revenue,
    minutes.minutes,
from listed
left join money on listed.customer_id = money.customer_id and listed.feature_month = money.feature_month
left join minutes on listed.customer_id = minutes.customer_id and listed.feature_month = minutes.feature_month
