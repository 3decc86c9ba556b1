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
    post_hook="{{ forget_lost_feature_months('" ~ partial ~ "') }}",
) }}
{%- set declared = almanac_spec(model.name) -%}
{%- set features = almanac_features(declared) -%}
{%- set parts = grid_parts(declared) -%}
{%- set increment = almanac_is_increment(vectors_table(), features | map(attribute='name') | list) -%}
{%- do note_unchanged(partial, declared, increment) -%}
with {{ changed_feature_months(partial, declared, increment) }},

{{ family_spine(partial, declared.get('source')) }},

-- What the changed months look back on; a bucket of customers at a time where there are many.
{{- dense_months('months', parts, 'spine.feature_month >= (select min(feature_month) from changed) - interval ' ~ months_back(parts) ~ ' month') }}

{{- dense_months('history', parts | selectattr('ever') | list, 'true') }}

{{- grid_windows(declared, parts) }},

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
    {{- feature_columns(features) }}
    month_version,
from due
{%- endmacro %}
