{#-
    The model of a grid family: dense customer-months, windows, features; built month by month.
    in:  the spec's model, the partial it is made from, the source whose lag says when a month is known
    out: customer_id, feature_month, event_timestamp, the features, month_version
    One row a customer whom the source knows, each month since; none while the partial is empty: the features of an
    absent source do not exist.
-#}
{% macro grid_family(model_name, partial, source_name) -%}
{%- set declared = spec(model_name) -%}
with {{ family_spine(partial, source_name) }},

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
        {{- grid_windows(declared) }}
),

due as (
    select
        windowed.*,
        changed.month_version,
    from windowed
    inner join changed on windowed.feature_month = changed.feature_month
)

select
    customer_id,
    feature_month,
    {{ known_at('feature_month', source_name) }} as event_timestamp,
    {{- feature_columns(declared) }}
    month_version,
from due
{%- endmacro %}
