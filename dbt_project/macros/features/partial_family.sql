{#-
    The model of a grid family's customer-month partial, built month by month in one pass over the events.
    in:  the spec's model, the staging model of its events (customer_id, event_time, …)
    out: customer_id, feature_month, the parts of every cell, month_version
-#}
{% macro partial_family(model_name, staging) -%}
{%- set declared = spec(model_name) -%}
with events as (
    select
        *,
        {{ month_start('event_time') }} as feature_month,
    from {{ ref(staging) }}
),

{{ changed_months('events', declared) }}

select
    events.customer_id,
    events.feature_month,
    {{- partial_columns(declared) }}
    any_value(changed.month_version) as month_version,
from events
inner join changed on events.feature_month = changed.feature_month
group by events.customer_id, events.feature_month
{%- endmacro %}
