-- one row a customer's mean monthly profit over the last three months; key: customer_id
with source as (
    select
        trim(landed.id) as source_id,
        {{ decimal_number('landed."Прибыль"') }} as profit,
        {{ almanac_marks('landed') }},
    from {{ source('one_click', 'money') }} as landed
    {{ join_file('one_click', 'money') }}
)

select
    {{ almanac_customer_id('source.source_id') }} as customer_id,
    {{ almanac_snapshot_month('one_click') }} as snapshot_month,
    source.profit,
    {{ reject_reason(
        almanac_id_checks('source.source_id', 'id')
        + almanac_number_checks('source', 'profit', 'Прибыль', needed=true, signed=true)
        + [(almanac_repeats('source', 'source.source_id'), 'id is repeated')]
    ) }} as reject_reason,
    source._file,
    source._row,
    source._line,
from source
{{ join_identities('one_click', 'source.source_id') }}
