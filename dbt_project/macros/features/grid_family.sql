{#-
    The model of a grid family: dense customer-months, windows, features; built month by month, kept as vectors.
    in:  the partial it is made from; what it is made of says the spec of the model
    out: customer_id, feature_month, event_timestamp, the features, month_version
    One row a customer whom the source knows, each month since; none while the partial is empty: the features of an
    absent source do not exist.
-#}
{% macro grid_family(partial) -%}
{{ config(materialized='vectors', post_hook="{{ forget_lost_feature_months('" ~ partial ~ "') }}") }}
{%- set declared = spec(model.name) -%}
with {{ family_spine(partial, declared.get('source')) }},

{{ changed_feature_months(declared) }},

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

{#- in: a CTE's name, a spec, a condition on months. out: the CTE: the spine's months with the parts that the spec asks for. -#}
{% macro dense_months(name, spec, condition) -%}
{%- set parts = grid_parts(spec) | selectattr('ever') | list if name == 'history' else grid_parts(spec) -%}
{%- if parts %}
{{ name }} as (
    select
        spine.customer_id,
        spine.feature_month,
    {%- for part in parts %}
        partials.{{ part.name }},
    {%- endfor %}
    from spine
    left join partials
        on spine.customer_id = partials.customer_id and spine.feature_month = partials.feature_month and {{ in_bucket('partials.customer_id') }}
    where {{ condition }} and {{ in_bucket('spine.customer_id') }}
),
{% endif -%}
{%- endmacro %}

{#- in: a spec. out: how many months before its own a row looks back on, windows and single months. -#}
{% macro months_back(spec) -%}
    {%- set reach = [0] -%}
    {%- for part in grid_parts(spec) -%}
        {%- do reach.append(part.longest - 1) -%}
        {%- do reach.extend(part.lags) -%}
    {%- endfor -%}
    {{ reach | max }}
{%- endmacro %}
