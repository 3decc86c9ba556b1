{#-
    The model of a customer-month partial that grid families share, built month by month in one pass over the events.
    in:  the staging model of its events (customer_id, event_time, …) and the model of its files and months
    out: customer_id, feature_month, every partial aggregate that a family asks for, month_version
    Events are put in order first: a customer-month's events then meet its hundreds of sums while they are at hand.
-#}
{% macro partial_family(staging, files) -%}
{{ config(materialized='monthly', meta={'files': files}) }}
{%- set specs = almanac_specs_of(model.name) %}
{%- do describe_columns(part_descriptions(model.name)) %}
{%- set columns, increment = partial_columns(specs), almanac_is_increment(this, partial_layout(specs)) -%}
with {{ changed_months(ref(files), columns, increment) }},

events as (
    select
        *,
        {{ month_start('event_time') }} as feature_month,
    from {{ ref(staging) }}
    where
        {{ in_batch('event_time') }}
        and {{ in_changed_files(files, columns, increment) }}
        and {{ month_start('event_time') }} in (select feature_month from changed)
),

in_order as (
    select
        *,
        date_diff('second', lag(event_time) over customer_month, event_time) / 3600 as hours_since_last,
    from events
    window customer_month as (partition by customer_id, feature_month order by event_time)
),

partials as (
    select
        customer_id,
        feature_month,
        {{- columns }}
    from in_order
    group by customer_id, feature_month
)

select
    partials.*,
    changed.month_version,
from partials
inner join changed on partials.feature_month = changed.feature_month
{%- endmacro %}
