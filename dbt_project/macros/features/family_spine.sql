{#-
    The customer-months of a source: every customer whom it knows, each month since.
    in:  a partial of the source, the source
    out: the CTEs `partials`, `sightings`, `known_customers` and `spine`
-#}
{% macro family_spine(partial, source_name) -%}
partials as (
    select * from {{ ref(partial) }}
),

-- Who has no event of this kind may be known from the source's other tables.
sightings as (
    select
        customer_id,
        feature_month as first_month,
    from partials
    union all
    select
        customer_id,
        first_month,
    from {{ ref('int_customer_sources') }}
    where source = '{{ source_name }}'
),

known_customers as (
    select
        customer_id,
        min(first_month) as first_month,
    from sightings
    group by customer_id
),

spine as (
    select spine.*
    from {{ ref('int_customer_months') }} as spine
    inner join known_customers
        on spine.customer_id = known_customers.customer_id and spine.feature_month >= known_customers.first_month
)
{%- endmacro %}
