-- one row a feature that exists in this workspace; key: name
-- A view: families write their statistics when they are built, and none of them is named here.
{{ config(materialized='view') }}
with declared as (
    select * from {{ ref('int_declared_features') }}
),

statistics as (
    select * from {{ feature_statistics_table() }}
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
    declared.domain,
    declared.relation,
    declared.spec,
    declared.position,
    declared.description,
    declared.aggregation,
    declared.time_window,
    declared.dtype,
    statistics.null_share,
    statistics.distinct_values,
    statistics.mean,
    statistics.minimum,
    statistics.maximum,
    statistics.drift,
    statistics.measured_rows,
from declared
inner join landed on declared.source = landed.source and declared.table_name = landed.table_name
left join statistics on declared.family = statistics.family and declared.name = statistics.name
