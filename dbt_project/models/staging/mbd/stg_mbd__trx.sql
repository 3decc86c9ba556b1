-- one row a card or account transaction; no key (two equal transactions are two)
with source as (
    select
        landed.* exclude (_file, _row, _error, _line),
        {{ almanac_marks('landed') }},
    from {{ source('mbd', 'trx') }} as landed
)

select
    {{ almanac_customer_id('source.client_id') }} as customer_id,
    source.event_time,
    source.amount,
    source.event_type,
    source.event_subtype,
    source.currency,
    source.src_type11,
    source.src_type12,
    source.dst_type11,
    source.dst_type12,
    source.src_type21,
    source.src_type22,
    source.src_type31,
    source.src_type32,
    {{ reject_reason(almanac_id_checks('source.client_id', 'client_id') + almanac_time_checks('source', 'event_time', 'mbd', 'trx') + [
        ('source.amount is null or not isfinite(source.amount)', 'amount is not a number'),
        ('abs(source.amount) >= 1e15', 'amount is 1e15 or more'),
    ]) }} as reject_reason,
    source._file,
    source._row,
    source._line,
from source
{{ join_identities('mbd', 'source.client_id') }}
