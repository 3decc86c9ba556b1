-- one row a line of the shop's customers, the lines that staging sets aside included; no key
-- A line that could not be divided into fields says no clear yes of any customer whose id stands in it.
with lines as (
    select
        trim(id) as source_id,
        {{ almanac_code('consent', '"Разрешить сообщать"') }} as consent,
    from {{ source('one_click', 'market_file') }}
    where _error is null and {{ almanac_folded_id('id') }} = trim(id)
),

unclear as (
    select * from {{ ref('int_one_click_unclear_lines') }}
),

ids as (
    select source_id from lines
    union
    select source_id from {{ source('workspace', 'identities') }}
    where source = 'one_click' and customer_id in (select customer_id from {{ ref('int_customer_sources') }})
    union
    select customer_id as source_id from {{ ref('int_customer_sources') }}
),

named as (
    select
        source_id,
        consent,
    from lines
    union all
    select
        source_id,
        consent,
    from unclear
    where source_id in (select source_id from ids)
    union all
    select
        ids.source_id,
        null as consent,
    from unclear
    inner join ids
        on
            contains(replace(unclear.line, '""', '"'), ids.source_id)
            and regexp_matches(
                replace(unclear.line, '""', '"'),
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
