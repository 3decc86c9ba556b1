-- one row a customer and calendar month since first seen, without gaps; key: customer_id, feature_month
with customers as (
    select
        customer_id,
        min(first_month) as first_month,
    from {{ ref('int_customer_sources') }}
    group by customer_id
),

last_months as (
    select max(last_month) as last_month from {{ ref('int_source_months') }}
),

complete as (
    select max(last_complete_month) as last_month from {{ ref('int_complete_months') }}
),

dense as (
    select
        customers.customer_id,
        cast(unnest(generate_series(customers.first_month, last_months.last_month, interval 1 month)) as date) as feature_month,
    from customers
    cross join last_months
)

select
    dense.customer_id,
    dense.feature_month,
    cast(dense.feature_month + interval 1 month as timestamp) as event_timestamp,
    dense.feature_month <= coalesce(complete.last_month, dense.feature_month) as is_complete,
from dense
cross join complete
