-- one row a file, customer and day; key: _file, customer_id, event_time
with source as (
    select
        trim(landed.customer_id) as source_id,
        date_trunc('day', {{ utc_timestamp('landed.date') }}) as event_time,
        cast({{ almanac_flag('landed.label') }} as integer) as label,
        {{ almanac_marks('landed') }},
    from {{ source('responses', 'labels') }} as landed
)

select
    {{ almanac_customer_id('source.source_id') }} as customer_id,
    source.event_time,
    source.label,
    {{ reject_reason(
        almanac_id_checks('source.source_id', 'customer_id')
        + almanac_time_checks('source', 'event_time', 'responses', 'labels', 'date')
        + [
            ('source.label is null', 'label is neither 0 nor 1'),
            (almanac_repeats('source', 'source.source_id', ['source._file', 'source.event_time']), 'customer_id and date are repeated'),
        ]
    ) }} as reject_reason,
    source._file,
    source._row,
    source._line,
from source
{{ join_identities('responses', 'source.source_id') }}
