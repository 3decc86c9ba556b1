{#-
    Who has said anything about being contacted, and whether all of it is a clear yes: one refusal anywhere wins.
    A model that holds such statements says so in its meta: `consents: is_yes` names its boolean column.
    out: a query of customer_id, is_yes; no rows where no model holds any
-#}
{% macro almanac_consents() -%}
    select
        customer_id,
        bool_and(is_yes) as is_yes,
    from (
        {%- for known in models_with('consents') %}
        select
            customer_id,
            {{ known.declared }} as is_yes,
        from {{ ref(known.model) }}
        {%- if not loop.last %}
        union all
        {%- endif %}
        {%- else %}
        select
            null as customer_id,
            null as is_yes,
        where false
        {%- endfor %}
    ) as statements
    group by customer_id
{%- endmacro %}
