-- one row a transaction or line of an order; no key
with source as (
    select
        nullif(trim(customer_id), '') as source_id,
        {{ utc_timestamp('event_time') }} as event_time,
        {{ decimal_number('amount') }} as amount,
        {{ decimal_number('quantity') }} as quantity,
        nullif(trim(order_id), '') as order_id,
        nullif(trim(item_id), '') as item_id,
        nullif(trim(category), '') as category,
        coalesce(try_cast(is_cancellation as boolean), false) as is_cancellation,
        is_duplicate,
        {{ almanac_marks('landed') }},
    from {{ source('transactions', 'events') }} as landed
)

select
    {{ almanac_customer_id('source.source_id') }} as customer_id,
    source.event_time,
    source.amount,
    source.quantity,
    source.order_id,
    source.item_id,
    source.category,
    source.is_cancellation,
    {{ reject_reason([
        ('source.source_id is null', 'customer_id is empty'),
        ('source.event_time is null', 'event_time is not a time'),
        ('source.amount is null', 'amount is not a number'),
        ('source.is_duplicate', 'repeats an earlier row'),
    ]) }} as reject_reason,
    source._file,
    source._row,
    source._line,
from source
{{ join_identities('transactions', 'source.source_id') }}
