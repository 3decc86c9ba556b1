-- one row a customer and month with purchases; key: customer_id, feature_month
{{ config(materialized='view') }}
{%- do describe_columns(part_descriptions('int_transactions_purchase_months')) %}
{%- set parts = [] %}
{%- for spec in almanac_specs_of('int_transactions_purchase_months') %}
    {%- for part in grid_parts(spec) if not part.name.startswith('purchase_gap__') %}
        {%- do parts.append(part.name) %}
    {%- endfor %}
{%- endfor -%}
with months as (
    select
        *,
        lag(last_purchase__last_time) over (partition by customer_id order by feature_month) as time_before,
    from {{ ref('int_transactions_purchase_months') }}
),

-- A month's own gaps lack the one that its first purchase ends, which began in an earlier month.
gaps as (
    select
        *,
        cast(date_diff('day', time_before, first_purchase__first_time) as double) as gap_before,
    from months
)

select
    customer_id,
    feature_month,
    {%- for part in parts | unique %}
    {{ part }},
    {%- endfor %}
    purchase_gap__count + cast(gap_before is not null as integer) as purchase_gap__count,
    coalesce(purchase_gap__sum, 0) + coalesce(gap_before, 0) as purchase_gap__sum,
    coalesce(purchase_gap__squares, 0) + coalesce(gap_before * gap_before, 0) as purchase_gap__squares,
    least(purchase_gap__min, gap_before) as purchase_gap__min,
    greatest(purchase_gap__max, gap_before) as purchase_gap__max,
    coalesce(purchase_gap__last, gap_before) as purchase_gap__last,
    month_version,
from gaps
