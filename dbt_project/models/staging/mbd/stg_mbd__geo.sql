-- one row a position of a customer's device; no key
with source as (
    select
        landed.* exclude (_file, _row, _error, _line),
        {{ almanac_marks('landed') }},
    from {{ source('mbd', 'geo') }} as landed
)

select
    {{ almanac_customer_id('source.client_id') }} as customer_id,
    source.event_time,
    source.geohash_4,
    source.geohash_5,
    source.geohash_6,
    {{ reject_reason(almanac_id_checks('source.client_id', 'client_id') + almanac_time_checks('source', 'event_time', 'mbd', 'geo')) }} as reject_reason,
    source._file,
    source._row,
    source._line,
from source
{{ join_identities('mbd', 'source.client_id') }}
