-- one row a customer seen before and complete label month; key: customer_id, event_timestamp
with months as (
    select * from {{ ref('int_transactions_label_months') }}
),

bought as (
    select distinct
        customer_id,
        {{ month_start('event_time') }} as label_month,
    from {{ ref('stg_transactions__events') }}
    where {{ almanac_is_purchase() }}
)

select
    months.customer_id,
    months.event_timestamp,
    cast(bought.customer_id is not null as integer) as label,
from months
left join bought on months.customer_id = bought.customer_id and months.label_month = bought.label_month
where months.months_left >= 1
