-- one row a transaction or line of an order; no key
with source as (
    select
        nullif(trim(landed.customer_id), '') as source_id,
        {{ utc_timestamp('landed.event_time') }} as event_time,
        {{ decimal_number('landed.amount') }} as amount,
        landed.quantity as quantity_text,
        {{ decimal_number('landed.quantity') }} as quantity,
        nullif(trim(landed.order_id), '') as order_id,
        nullif(trim(landed.item_id), '') as item_id,
        nullif(trim(landed.category), '') as category,
        nullif(trim(landed.is_cancellation), '') as cancellation_text,
        {{ almanac_flag('landed.is_cancellation') }} as is_cancellation,
        landed.is_duplicate,
        {{ almanac_marks('landed') }},
    from {{ source('transactions', 'events') }} as landed
    {{ join_file('transactions', 'events') }}
)

select
    {{ almanac_customer_id('source.source_id') }} as customer_id,
    source.event_time,
    source.amount,
    source.quantity,
    source.order_id,
    source.item_id,
    source.category,
    coalesce(source.is_cancellation, false) as is_cancellation,
    {{ reject_reason(
        almanac_id_checks('source.source_id', 'customer_id')
        + almanac_time_checks('source', 'event_time', 'transactions', 'events')
        + almanac_number_checks('source', 'amount', 'amount', needed=true, signed=true)
        + almanac_number_checks('source', 'quantity', 'quantity', signed=true)
        + [
            ('source.cancellation_text is not null and source.is_cancellation is null', 'is_cancellation is neither true nor false'),
            ('source.is_duplicate', 'repeats an earlier row'),
        ]
    ) }} as reject_reason,
    source._file,
    source._row,
    source._line,
from source
{{ join_identities('transactions', 'source.source_id') }}
