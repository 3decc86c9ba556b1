-- one row a session of the site; key: customer_id
with source as (
    select
        trim(customer_id) as source_id,
        {{ decimal_number('time_spent') }} as time_spent,
        {{ decimal_number('pages_viewed') }} as pages_viewed,
        {{ decimal_number('basket_value') }} as basket_value,
        nullif(trim(device_type), '') as device_type,
        nullif(trim(customer_type), '') as customer_type,
        nullif(trim(purchase), '') as purchase_text,
        {{ decimal_number('purchase') }} as purchase,
        {{ almanac_unreadable('time_spent') }} as is_time_spent_unreadable,
        {{ almanac_unreadable('pages_viewed') }} as is_pages_viewed_unreadable,
        {{ almanac_unreadable('basket_value') }} as is_basket_value_unreadable,
        {{ almanac_marks('landed') }},
    from {{ source('retailtech', 'sessions') }} as landed
)

select
    {{ almanac_customer_id('source.source_id') }} as customer_id,
    {{ almanac_snapshot_month('retailtech') }} as snapshot_month,
    source.time_spent,
    source.pages_viewed,
    source.basket_value,
    source.device_type,
    source.customer_type,
    cast(source.purchase as integer) as purchase,
    {{ reject_reason([
        ("source.source_id is null or source.source_id = ''", 'customer_id is empty'),
        ('source.is_time_spent_unreadable', 'time_spent is not a number'),
        ('source.is_pages_viewed_unreadable', 'pages_viewed is not a number'),
        ('source.is_basket_value_unreadable', 'basket_value is not a number'),
        ('source.purchase_text is not null and (source.purchase is null or source.purchase not in (0, 1))',
         'purchase is neither 0 nor 1'),
        (almanac_repeats('source', 'source.source_id'), 'customer_id is repeated'),
    ]) }} as reject_reason,
    source._file,
    source._row,
    source._line,
from source
{{ join_identities('retailtech', 'source.source_id') }}
