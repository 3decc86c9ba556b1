-- one row a feature of a source that is here: what it looks back on, and from which change it alarms; key: name
{{ config(materialized='view', schema='intermediate', access='protected') }}
with declared as (
    select * from {{ ref('int_declared_features') }}
),

months as (
    select * from {{ ref('int_source_months') }}
),

rules as (
    select
        pattern,
        warn,
        alarm,
        rowid as place,
    from {{ source('workspace', 'monitoring') }}
    where kind = 'thresholds'
),

thresholds as (
    select
        declared.family,
        arg_min(rules.warn, rules.place) as warn,
        arg_min(rules.alarm, rules.place) as alarm,
    from (select distinct family from declared) as declared
    inner join rules on declared.family glob rules.pattern
    group by declared.family
)

select
    declared.name,
    declared.family,
    declared.source,
    declared.table_name,
    {{ window_reach('declared.time_window') }} as reach,
    -- From this month on the window is full, and without the first month of all, which has everyone who was there before.
    cast(months.first_month + to_months({{ window_reach('declared.time_window') }}) as date) as full_from,
    thresholds.warn,
    thresholds.alarm,
from declared
inner join months on declared.source = months.source and declared.table_name = months.table_name
inner join thresholds on declared.family = thresholds.family
