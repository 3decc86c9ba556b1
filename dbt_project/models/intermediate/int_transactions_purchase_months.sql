-- one row a customer and month with purchases; key: customer_id, feature_month
{{ config(materialized='monthly', meta={'files': 'int_transactions_files'}) }}
{%- do describe_columns(part_descriptions(model.name)) %}
{%- set specs = almanac_specs_of(model.name) %}
{%- set columns, increment = partial_columns(specs), almanac_is_increment(this, partial_layout(specs)) -%}
with {{ changed_months(ref('int_transactions_files'), columns, increment) }},

events as (
    select
        *,
        {{ month_start('event_time') }} as feature_month,
    from {{ ref('stg_transactions__events') }}
    where {{ in_batch('event_time') }} and {{ in_changed_files('int_transactions_files', columns, increment) }}
),

-- A purchase is an order, or one instant's rows where they have no order id; what spans two months is one in each.
purchases as (
    select
        customer_id,
        feature_month,
        min(event_time) as event_time,
        sum({{ exactly_summable('amount') }}) as amount,
        sum({{ exactly_summable('quantity') }}) as quantity,
        cast(count(*) as double) as lines,
        cast(nullif(count(distinct item_id), 0) as double) as items,
    from events
    group by customer_id, feature_month, order_id, case when order_id is null then event_time end
    having bool_or({{ almanac_is_purchase() }})
),

in_order as (
    select
        *,
        lag(event_time) over (partition by customer_id, feature_month order by event_time) as last_time,
    from purchases
),

with_gaps as (
    select
        *,
        cast(nullif(date_diff('day', last_time, event_time), 0) as double) as days_since_last,
    from in_order
),

partials as (
    select
        customer_id,
        feature_month,
        {{- columns }}
    from with_gaps
    group by customer_id, feature_month
)

select
    partials.*,
    changed.month_version,
from partials
inner join changed on partials.feature_month = changed.feature_month
