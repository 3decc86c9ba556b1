-- one row a customer of the bank, with the fold it belongs to; key: customer_id
with source as (
    select
        landed.* exclude (_file, _row, _error, _line),
        {{ almanac_marks('landed') }},
    from {{ source('mbd', 'client_split') }} as landed
)

select
    {{ almanac_customer_id('source.client_id') }} as customer_id,
    source.fold,
    {{ reject_reason(almanac_id_checks('source.client_id', 'client_id') + [
        (almanac_repeats('source', 'source.client_id'), 'client_id is repeated'),
    ]) }} as reject_reason,
    source._file,
    source._row,
    source._line,
from source
{{ join_identities('mbd', 'source.client_id') }}
