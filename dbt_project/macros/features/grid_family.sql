{#-
    The model of a grid family: dense customer-months, windows, features; built month by month.
    in:  the spec's model, the partial it is made from, the source whose lag says when a month is known
    out: customer_id, feature_month, event_timestamp, the features, month_version
    Empty while the source is absent: the features of an absent source do not exist.
-#}
{% macro grid_family(model_name, partial, source_name) -%}
{%- set declared = spec(model_name) -%}
with spine as (
    select * from {{ ref('int_customer_months') }}
    where (select count(*) from {{ ref(partial) }}) > 0
),

partials as (
    select * from {{ ref(partial) }}
),

{{ changed_feature_months(declared) }},

months as (
    select
        spine.customer_id,
        spine.feature_month,
        partials.* exclude (customer_id, feature_month, month_version),
    from spine
    left join partials on spine.customer_id = partials.customer_id and spine.feature_month = partials.feature_month
),

windowed as (
    select
        customer_id,
        feature_month,
        {{ grid_windows(declared) }}
)

select
    windowed.customer_id,
    windowed.feature_month,
    {{ known_at('windowed.feature_month', source_name) }} as event_timestamp,
    {{ feature_columns(declared) }}
    changed.month_version,
from windowed
inner join changed using (feature_month)
{%- endmacro %}
