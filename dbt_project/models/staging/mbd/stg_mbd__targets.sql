-- one row a customer and purchase month; key: customer_id, label_month
with source as (
    select
        landed.* exclude (_file, _row, _error, _line),
        {{ almanac_marks('landed') }},
        {{ month_start('mon') }} as label_month,
    from {{ source('mbd', 'targets') }} as landed
)

select
    {{ almanac_customer_id('source.client_id') }} as customer_id,
    source.label_month,
    source.target_1 as product_1,
    source.target_2 as product_2,
    source.target_3 as product_3,
    source.target_4 as product_4,
    {{ reject_reason(almanac_id_checks('source.client_id', 'client_id') + almanac_time_checks('source', 'label_month', 'mbd', 'targets', 'mon') + [
        ('source.target_1 is null or source.target_2 is null or source.target_3 is null or source.target_4 is null',
         'a target is empty'),
        ('least(source.target_1, source.target_2, source.target_3, source.target_4) < 0'
         ' or greatest(source.target_1, source.target_2, source.target_3, source.target_4) > 1',
         'a target is neither 0 nor 1'),
        (almanac_repeats('source', 'source.client_id', ['source.label_month']), 'client_id and mon are repeated'),
    ]) }} as reject_reason,
    source._file,
    source._row,
    source._line,
from source
{{ join_identities('mbd', 'source.client_id') }}
