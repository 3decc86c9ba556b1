{#-
    Counts a table's events of some months: of the table as a whole, by each code, and by quarters of customers.
    in:  the partial, what its meta says is counted, the CTE of due months (feature_month, files, month_version)
    out: a select of feature_month, column_name, value, rows, customers, log_amount (the mean of ln of amounts), its deviation, amounts,
         files, month_version; of a column's values those with a thousandth of the month's rows, at most 200
-#}
{% macro monitored_counts(partial, counted, due) -%}
{%- set measures -%}
        count(*) as rows,
        count(distinct events.customer_id) as customers,
        -- As floats: the order of rows does not show in them.
        cast(cast(favg(ln(abs(nullif(events.{{ counted.amount }}, 0)))) as float) as double) as log_amount,
        cast(cast(stddev_samp(ln(abs(nullif(events.{{ counted.amount }}, 0)))) as float) as double) as log_amount_deviation,
        count(nullif(events.{{ counted.amount }}, 0)) as amounts,
{%- endset %}
with events as (
    select
        *,
        {{ month_start('event_time') }} as feature_month,
    from {{ ref(counted.events) }}
),

earlier as (
    select
        due.feature_month,
        months.customer_id,
        ntile(4) over (partition by due.feature_month order by sum(months.amount__sum) / sum(months.event__count), months.customer_id) as quarter,
    from {{ due }} as due
    inner join {{ ref(partial) }} as months
        on months.feature_month < due.feature_month and months.feature_month >= due.feature_month - interval 12 month
    group by due.feature_month, months.customer_id
),

counted as (
    select events.feature_month, '' as column_name, '' as value, {{ measures }}
    from events
    group by events.feature_month
    {%- for code in counted.codes %}
    union all
    select events.feature_month, '{{ code }}' as column_name, coalesce(cast(events.{{ code }} as varchar), 'none') as value, {{ measures }}
    from events
    group by events.feature_month, coalesce(cast(events.{{ code }} as varchar), 'none')
    {%- endfor %}
    union all
    select
        events.feature_month,
        'customers by amount' as column_name,
        case earlier.quarter when 1 then 'lowest quarter' when 2 then 'second quarter' when 3 then 'third quarter' when 4 then 'highest quarter' else 'new' end as value,
        {{ measures }}
    from events
    left join earlier on events.feature_month = earlier.feature_month and events.customer_id = earlier.customer_id
    group by events.feature_month, earlier.quarter
)

select
    counted.*,
    due.files,
    due.month_version,
from counted
inner join {{ due }} as due on counted.feature_month = due.feature_month
qualify
    counted.rows * 1000 >= max(counted.rows) over (partition by counted.feature_month)
    and row_number() over (partition by counted.feature_month, counted.column_name order by counted.rows desc, counted.value) <= 200
{%- endmacro %}
