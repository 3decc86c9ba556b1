-- one row a line of the shop's customers, the lines that staging sets aside included; no key
-- A line that could not be divided into fields says no clear yes of any customer whose id stands in it.
with lines as (
    select
        {{ almanac_folded_id('id') }} as source_id,
        {{ almanac_code('consent', '"Разрешить сообщать"') }} as consent,
        _error is not null as is_broken,
        {{ almanac_folded_id('_line') }} as line,
    from {{ source('one_click', 'market_file') }}
),

ids as (
    select source_id from lines where not is_broken
    union
    select source_id from {{ source('workspace', 'identities') }}
    where source = 'one_click'
    union
    select customer_id as source_id from {{ ref('int_customer_sources') }}
),

named as (
    select
        source_id,
        consent,
    from lines
    where not is_broken
    union all
    select
        ids.source_id,
        null as consent,
    from lines
    inner join ids
        on
            lines.is_broken
            and contains(replace(lines.line, '""', '"'), ids.source_id)
            and regexp_matches(
                replace(lines.line, '""', '"'),
                '(^|[^\p{L}\p{N}])' || regexp_escape(ids.source_id) || '([^\p{L}\p{N}]|$)'
            )
    where ids.source_id <> ''
)

select
    {{ almanac_customer_id('named.source_id') }} as customer_id,
    {{ almanac_snapshot_month('one_click') }} as snapshot_month,
    coalesce(named.consent = 'yes', false) as is_yes,
from named
{{ join_identities('one_click', 'named.source_id') }}
where named.source_id <> ''
