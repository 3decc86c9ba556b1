-- one row a feature that exists in this workspace; key: name
with declared as (
    {{- feature_rows() }}
),

landed as (
    select distinct
        source,
        table_name,
    from {{ source('workspace', 'files') }}
    where bytes > 0
)

select
    declared.name,
    declared.family,
    declared.relation,
    declared.description,
    declared.aggregation,
    declared.time_window,
    'double' as dtype,
from declared
inner join landed on declared.source = landed.source and declared.table_name = landed.table_name
