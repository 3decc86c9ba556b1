-- one row a dated source with events; key: source
-- The last month is partial, and no label is read from it, unless events reach its last days.
select
    source,
    last_day,
    cast(
        case
            when last_day >= last_day(last_day) - cast({{ almanac_setting('transactions.complete_tolerance_days') }} as integer)
                then date_trunc('month', last_day)
            else date_trunc('month', last_day) - interval 1 month
        end as date
    ) as last_complete_month,
from {{ ref('int_last_days') }}
