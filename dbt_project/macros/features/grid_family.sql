{#-
    The model of a grid family: dense customer-months, windows, features; built month by month, kept as vectors.
    in:  the partial it is made from; what it is made of says the spec of the model
    out: customer_id, feature_month, event_timestamp, the features, month_version
    One row a customer whom the source knows, each month since; none while the partial is empty: the features of an
    absent source do not exist.
-#}
{% macro grid_family(partial) -%}
{{ config(
    materialized='vectors',
    pre_hook="{{ note_unchanged('" ~ partial ~ "') }}",
    post_hook="{{ forget_lost_feature_months('" ~ partial ~ "') }}",
) }}
{%- set declared = almanac_spec(model.name) -%}
with {{ family_spine(partial, declared.get('source')) }},

{{ changed_feature_months(declared, almanac_is_increment(vectors_table(), family_layout(declared))) }},

-- What the changed months look back on; a bucket of customers at a time where there are many.
{{- dense_months('months', declared, 'spine.feature_month >= (select min(feature_month) from changed) - interval ' ~ months_back(declared) ~ ' month') }}

{{- dense_months('history', declared, 'true') }}

{{- grid_windows(declared) }},

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
    {{ known_at('feature_month', declared.get('source')) }} as event_timestamp,
    {{- feature_columns(declared) }}
    month_version,
from due
{%- endmacro %}
