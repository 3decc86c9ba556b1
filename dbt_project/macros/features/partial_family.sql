{#-
    The model of a customer-month partial that grid families share, built month by month in one pass over the events.
    in:  the staging model of its events (customer_id, event_time, …) and the model of its files and months
    out: customer_id, feature_month, every part that a family asks for, month_version
    Events are put in order first: a customer-month's events then meet its hundreds of sums while they are at hand.
-#}
{% macro partial_family(staging, files) -%}
{{ config(materialized='monthly', meta={'files': files}) }}
{%- set specs = specs_of(model.name) -%}
with {{ changed_months(ref(files), specs) }},

events as (
    select
        *,
        {{ month_start('event_time') }} as feature_month,
    from {{ ref(staging) }}
    where {{ in_batch('event_time') }} and {{ in_changed_files(files) }}
),

in_order as (
    select
        *,
        date_diff('second', lag(event_time) over customer_month, event_time) / 3600 as hours_since_last,
    from events
    window customer_month as (partition by customer_id, feature_month order by event_time)
)

select
    in_order.customer_id,
    in_order.feature_month,
    {{- partial_columns(specs) }}
    any_value(changed.month_version) as month_version,
from in_order
inner join changed on in_order.feature_month = changed.feature_month
group by in_order.customer_id, in_order.feature_month
{%- endmacro %}
