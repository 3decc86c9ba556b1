{#- in: a CTE's name, parts of a grid, a condition on months. out: the CTE: the spine's months with these parts; none without parts. -#}
{% macro dense_months(name, parts, condition) -%}
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
