{#-
    The parts of a grid over every window that is asked for, from dense customer-months.
    in:  a spec, its grid_parts; relations `months` (the months needed for windows of months) and `history` (all), both dense in
         (customer_id, feature_month), with the partial's columns
    out: the CTEs `windows_1m`, `windows_3m`, …, `to_date` for windows that reach back to the first month, and `windowed`
         with amount__sum__1m, amount__sum__3m, amount__sum__all, amount__sum__1m_lag12, amount__sum__aged_3m, …
    A window of n months ends with feature_month and includes it. Each is made of a shorter one: 3 = 1 + 1 + 1,
    6 = 3 + 3, 12 = 6 + 6, by LAG over whole months, so that a column is touched a few times and not twelve.
-#}
{% macro grid_windows(spec, parts) %}
{%- set ever = parts | selectattr('ever') | list %}
{%- set sums = parts | selectattr('part', 'equalto', 'sum') | list %}
{%- set lengths = ([1] + grid_cells(spec) | sum(attribute='windows', start=[]) | reject('equalto', 'all') | list) | unique | sort %}
windows_1m as (
    select
        customer_id,
        feature_month,
    {%- for part in parts %}
        {{ almanac_of_month(part, part.name) }} as {{ part.name }}__1m,
        {%- if part.aged %}
        cast(0 as double) as {{ part.name }}__aged_1m,
        {%- endif %}
        {%- for lag in part.lags %}
        {{ almanac_earlier(part, part.name, lag) }} as {{ part.name }}__1m_lag{{ lag }},
        {%- endfor %}
    {%- endfor %}
    from months
    window months_of_customer as (partition by customer_id order by feature_month)
),
{%- for length in lengths[1:] %}
{%- set shorter = lengths[loop.index0] %}
{%- set below = shorter if length % shorter == 0 else 1 %}

windows_{{ length }}m as (
    select
        *,
    {%- for part in parts if part.longest >= length %}
        {{ merged_window(part, below, length) }} as {{ part.name }}__{{ length }}m,
        {%- if part.aged %}
        {{ merged_age(part, below, length) }} as {{ part.name }}__aged_{{ length }}m,
        {%- endif %}
    {%- endfor %}
    from windows_{{ shorter }}m
    window months_of_customer as (partition by customer_id order by feature_month)
),
{%- endfor %}

{%- if ever %}

to_date as (
    select
        customer_id,
        feature_month,
    {%- for part in ever %}
        {{ merged_ever(part) }} as {{ part.name }}__all,
    {%- endfor %}
    from history
    window to_now as (partition by customer_id order by feature_month rows between unbounded preceding and current row)
),
{%- endif %}

-- The sum of nothing is null, not 0.
windowed as (
    select
        longest.*
    {%- for part in sums %}{{ ' replace (' if loop.first }}
        {%- for suffix in part_suffixes(part, lengths) %}
            case when {{ part.counted ~ suffix }} > 0 then {{ part.name ~ suffix }} end as {{ part.name ~ suffix }},
        {%- endfor %}{{ '\n        )' if loop.last }}
    {%- endfor %},
    {%- for part in ever %}
        {{ 'case when ' ~ part.counted ~ '__all > 0 then ' ~ part.name ~ '__all end as ' ~ part.name if part.part == 'sum' else part.name }}__all,
    {%- endfor %}
    from windows_{{ lengths | last }}m as longest
    {%- if ever %}
    inner join to_date on longest.customer_id = to_date.customer_id and longest.feature_month = to_date.feature_month
    {%- endif %}
)
{%- endmacro %}
