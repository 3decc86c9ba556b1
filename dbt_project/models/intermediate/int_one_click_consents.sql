-- one row a line of the shop's customers, the lines that staging sets aside included; no key
-- A line that could not be divided into fields names no customer: whoever one of its fields may name has not said yes there.
with lines as (
    select
        id,
        {{ almanac_code('consent', '"Разрешить сообщать"') }} as consent,
        _error,
        _line,
    from {{ source('one_click', 'market_file') }}
),

named as (
    select
        trim(id) as source_id,
        consent,
    from lines
    where _error is null
    union all
    select
        trim(unnest(regexp_split_to_array(_line, '[,;|\t]')), ' "') as source_id,
        null as consent,
    from lines
    where _error is not null
)

select
    {{ almanac_customer_id('named.source_id') }} as customer_id,
    {{ almanac_snapshot_month('one_click') }} as snapshot_month,
    coalesce(named.consent = 'yes', false) as is_yes,
from named
{{ join_identities('one_click', 'named.source_id') }}
where named.source_id <> ''
