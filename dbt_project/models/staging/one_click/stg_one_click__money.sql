-- one row a customer's mean monthly profit over the last three months; key: customer_id
with source as (
    select
        trim(id) as source_id,
        {{ decimal_number('"Прибыль"') }} as profit,
        {{ almanac_marks('landed') }},
    from {{ source('one_click', 'money') }} as landed
)

select
    {{ almanac_customer_id('source.source_id') }} as customer_id,
    {{ almanac_snapshot_month('one_click') }} as snapshot_month,
    source.profit,
    {{ reject_reason([
        ("source.source_id is null or source.source_id = ''", 'id is empty'),
        ('source.profit is null', 'Прибыль is not a number'),
        (almanac_repeats('source', 'source.source_id'), 'id is repeated'),
    ]) }} as reject_reason,
    source._file,
    source._row,
    source._line,
from source
{{ join_identities('one_click', 'source.source_id') }}
