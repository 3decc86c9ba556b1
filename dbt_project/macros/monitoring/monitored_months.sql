{#-
    The months of each monitored table, from its first on. A month without rows is one, up to the last complete month of any source;
    a source's own last month, if it is not complete, is none.
    in:  the CTEs `counted` and `complete`
    out: the CTEs that end with `months`: source, table_name, feature_month, table_rows, table_customers, files
-#}
{% macro monitored_months() -%}
calendar as (
    select
        source,
        table_name,
        cast(unnest(generate_series(min(feature_month), (select max(last_complete_month) from complete), interval 1 month)) as date) as feature_month,
    from counted
    where column_name = ''
    group by source, table_name
),

months as (
    select
        calendar.*,
        coalesce(counted.rows, 0) as table_rows,
        coalesce(counted.customers, 0) as table_customers,
        coalesce(counted.files, 'no file') as files,
    from calendar
    left join complete on calendar.source = complete.source
    left join counted
        on
            calendar.source = counted.source
            and calendar.table_name = counted.table_name
            and calendar.feature_month = counted.feature_month
            and counted.column_name = ''
    where calendar.feature_month <= complete.last_complete_month or counted.rows is null
)
{%- endmacro %}
