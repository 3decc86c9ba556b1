-- one row a customer who spent in the last three months, and label month; key: customer_id, event_timestamp
with months as (
    select * from {{ ref('int_transactions_label_months') }}
    where months_left >= 3 and months_past >= 3
),

monthly as (
    select
        customer_id,
        {{ month_start('event_time') }} as feature_month,
        sum({{ exactly_summable('amount') }}) as amount,
    from {{ ref('stg_transactions__events') }}
    group by all
),

spent as (
    select
        months.customer_id,
        months.event_timestamp,
        coalesce(sum(monthly.amount) filter (where monthly.feature_month < months.label_month), 0) as last_three,
        coalesce(sum(monthly.amount) filter (where monthly.feature_month >= months.label_month), 0) as next_three,
    from months
    left join monthly
        on months.customer_id = monthly.customer_id
        and monthly.feature_month >= months.label_month - interval 3 month
        and monthly.feature_month < months.label_month + interval 3 month
    group by all
)

select
    customer_id,
    event_timestamp,
    cast(next_three < last_three * cast({{ almanac_setting('transactions.decline_share') }} as double) as integer) as label,
from spent
where last_three > 0
