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
