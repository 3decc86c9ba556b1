{#-
    Counts a table's events of some months: of the table as a whole, by each code, and by quarters of customers, where it has amounts.
    in:  the partial, what its meta says is counted, the CTE of due months (feature_month, files, month_version)
    out: a select of feature_month, column_name, value, rows, customers (an estimate but of the table as a whole), largest (of the table as
         a whole: the customer with most rows, and how many), log_amount (the mean of ln of amounts), its deviation, amounts, files,
         month_version; of a column's values those with a thousandth of the month's rows, at most 200
-#}
{% macro monitored_counts(partial, counted, due) -%}
{%- set values = {'': "''"} -%}
{%- for code in counted.get('codes', []) %}{% do values.update({code: "coalesce(cast(events." ~ code ~ " as varchar), 'none')"}) %}{% endfor -%}
{%- if counted.amount is defined %}
    {%- do values.update({'customers by amount': "case earlier.quarter when 1 then 'lowest quarter' when 2 then 'second quarter' when 3 then 'third quarter' when 4 then 'highest quarter' else 'new' end"}) %}
{%- endif -%}
with events as (
    select
        *,
        {{ month_start('event_time') }} as feature_month,
        -- In whole millionths: their sums do not depend on the order of rows.
        {{ 'cast(round(1e6 * ln(abs(nullif(' ~ counted.amount ~ ', 0)))) as bigint)' if counted.amount is defined else 'cast(null as bigint)' }} as log_amount,
    from {{ ref(counted.events) }}
),
{% if counted.amount is defined %}
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
{% endif %}
customers as (
    select
        feature_month,
        count(*) as customers,
        max({'rows': cast(event__count as bigint), 'customer_id': customer_id}) as largest,
    from {{ ref(partial) }}
    where event__count > 0
    group by feature_month
),

counted as (
    {%- for column, value in values.items() %}
    {{ 'union all' if not loop.first }}
    select
        events.feature_month,
        '{{ column }}' as column_name,
        {{ value }} as value,
        count(*) as rows,
        {%- if column %}
        approx_count_distinct(events.customer_id) as customers,
        null as largest,
        {%- else %}
        any_value(customers.customers) as customers,
        any_value(customers.largest) as largest,
        {%- endif %}
        sum(events.log_amount) / count(events.log_amount) / 1e6 as log_amount,
        sqrt(greatest(sum(events.log_amount * events.log_amount) - power(sum(events.log_amount), 2) / count(events.log_amount), 0) / nullif(count(events.log_amount) - 1, 0)) / 1e6 as log_amount_deviation,
        count(events.log_amount) as amounts,
    from events
    {%- if not column %}
    inner join customers on events.feature_month = customers.feature_month
    {%- elif column == 'customers by amount' %}
    left join earlier on events.feature_month = earlier.feature_month and events.customer_id = earlier.customer_id
    {%- endif %}
    group by all
    {%- endfor %}
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
