{#- The customers who may be contacted: what every list for a campaign is joined to. out: a query of customer_id. -#}
{% macro almanac_contactable() -%}
    select customer_id from {{ ref('dim_customers') }} where is_contactable
{%- endmacro %}
