-- one row a dated source with events; key: source
-- The last month is partial, and no label is read from it, unless events reach its last days.
with last_days as (
    select
        'mbd' as source,
        max(cast(event_time as date)) as last_day,
    from {{ ref('stg_mbd__trx') }}
    union all
    select
        'transactions' as source,
        max(cast(event_time as date)) as last_day,
    from {{ ref('stg_transactions__events') }}
)

select
    source,
    last_day,
    cast(
        case
            when last_day >= last_day(last_day) - cast({{ setting('transactions.complete_tolerance_days') }} as integer)
                then date_trunc('month', last_day)
            else date_trunc('month', last_day) - interval 1 month
        end as date
    ) as last_complete_month,
from last_days
where last_day is not null
