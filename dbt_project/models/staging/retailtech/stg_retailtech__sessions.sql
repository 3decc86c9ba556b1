-- one row a session of the site; key: customer_id
with source as (
    select
        trim(landed.customer_id) as source_id,
        {%- for name in ['time_spent', 'pages_viewed', 'basket_value', 'purchase'] %}
        landed.{{ name }} as {{ name }}_text,
        {{ decimal_number('landed.' ~ name) }} as {{ name }},
        {%- endfor %}
        nullif(trim(landed.device_type), '') as device_type,
        nullif(trim(landed.customer_type), '') as customer_type,
        {{ almanac_marks('landed') }},
    from {{ source('retailtech', 'sessions') }} as landed
    {{ join_file('retailtech', 'sessions') }}
)

select
    {{ almanac_customer_id('source.source_id') }} as customer_id,
    {{ almanac_snapshot_month('retailtech') }} as snapshot_month,
    source.time_spent,
    source.pages_viewed,
    source.basket_value,
    source.device_type,
    source.customer_type,
    try_cast(source.purchase as integer) as purchase,
    {{ reject_reason(
        almanac_id_checks('source.source_id', 'customer_id')
        + almanac_number_checks('source', 'time_spent', 'time_spent')
        + almanac_number_checks('source', 'pages_viewed', 'pages_viewed')
        + almanac_number_checks('source', 'basket_value', 'basket_value', signed=true)
        + [
            ("trim(source.purchase_text) <> '' and (source.purchase is null or source.purchase not in (0, 1))",
             'purchase is neither 0 nor 1'),
            (almanac_repeats('source', 'source.source_id'), 'customer_id is repeated'),
        ]
    ) }} as reject_reason,
    source._file,
    source._row,
    source._line,
from source
{{ join_identities('retailtech', 'source.source_id') }}
