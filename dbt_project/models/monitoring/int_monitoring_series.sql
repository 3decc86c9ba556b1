-- one row a table of a source, complete month and code that was ever seen, beside its months before; key: as int_monitoring_counts
-- A table is followed by its rows, a code by its share of them; both by the mean of the logarithms of amounts.
{{ config(materialized='view', schema='intermediate', access='protected') }}
with counted as (
    select * from {{ ref('int_monitoring_counts') }}
    union all by name
    select * from {{ ref('int_monitoring_arrivals') }}
),

complete as (
    select * from {{ ref('int_complete_months') }}
),

{{ monitored_months() }},

dense as (
    select
        months.*,
        series.column_name,
        series.value,
        coalesce(counted.rows, 0) as rows,
        coalesce(counted.customers, 0) as customers,
        counted.largest,
        case when series.column_name = '' then months.table_rows else coalesce(counted.rows, 0) / nullif(months.table_rows, 0) end as measure,
        counted.log_amount,
        -- Of the customers, whose rows are alike; few of them tell nothing.
        case when counted.customers >= 10 then counted.log_amount_deviation / sqrt(counted.customers) end as log_amount_error,
    from months
    inner join (select distinct source, table_name, column_name, value from counted) as series
        on months.source = series.source and months.table_name = series.table_name
    left join counted
        on
            months.source = counted.source
            and months.table_name = counted.table_name
            and months.feature_month = counted.feature_month
            and series.column_name = counted.column_name
            and series.value = counted.value
),

levels as (
    select
        *,
        count(*) over earlier as months_before,
        max(rows) over earlier as most_before,
        lag(rows) over one as rows_before,
        min(rows) over half_a_year as least_before,
        median(measure) over half_a_year as level,
        median(measure) over half_a_year_before as level_before,
        median(customers) over half_a_year as customers_level,
        median(log_amount) over half_a_year as log_amount_level,
        lag(rows, 12) over one as rows_last_year,
        lag(measure, 12) over one / nullif(lag(level_last, 12) over one, 0) as season,
    from (
        select *, median(measure) over (partition by source, table_name, column_name, value order by feature_month rows between 6 preceding and 1 preceding) as level_last
        from dense
    )
    window
        one as (partition by source, table_name, column_name, value order by feature_month),
        earlier as (partition by source, table_name, column_name, value order by feature_month rows between unbounded preceding and 1 preceding),
        half_a_year as (partition by source, table_name, column_name, value order by feature_month rows between 6 preceding and 1 preceding),
        half_a_year_before as (partition by source, table_name, column_name, value order by feature_month rows between 12 preceding and 7 preceding)
)

select
    * exclude (level_last, season),
    -- The season is last year's: how the same month stood to the half year before it, at most twofold.
    case when column_name = '' then level * least(greatest(coalesce(season, 1), 0.5), 2) else level end as expected,
from levels
