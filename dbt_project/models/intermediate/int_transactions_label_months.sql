-- one row a customer and month after its first transaction; key: customer_id, label_month
-- months_left: how many complete months the data hold from label_month on; months_past: how many before it.
with spine as (
    select * from {{ ref('int_customer_months') }}
),

customers as (
    select * from {{ ref('int_customer_sources') }}
    where source = 'transactions'
),

complete as (
    select * from {{ ref('int_complete_months') }}
    where source = 'transactions'
),

first_months as (
    select min(first_month) as first_month from {{ ref('int_source_months') }}
    where source = 'transactions'
)

select
    spine.customer_id,
    cast(spine.event_timestamp as date) as label_month,
    spine.event_timestamp,
    date_diff('month', spine.event_timestamp, complete.last_complete_month) + 1 as months_left,
    date_diff('month', first_months.first_month, spine.event_timestamp) as months_past,
from spine
inner join customers on spine.customer_id = customers.customer_id and spine.feature_month >= customers.first_month
cross join complete
cross join first_months
where cast(spine.event_timestamp as date) <= complete.last_complete_month
