{#-
    The home of each customer in the months being built and in those before, which are as they were built.
    in:  the CTEs `fresh`, `versions`, `changed` and those of sighted_cells
    out: the CTEs that end with `homes (customer_id, feature_month, letters, home)`
-#}
{% macro monthly_homes() -%}
earlier_cells as (
    select
        customer_id,
        feature_month,
        letters,
        cell,
        sum(positions) as positions,
    from sightings
    where
        cell is not null
        and feature_month in (select feature_month from versions except select feature_month from changed)
        and customer_id in (select customer_id from fresh)
    group by customer_id, feature_month, letters, cell
),

homes as (
    select
        customer_id,
        feature_month,
        letters,
        home,
    from fresh
    union all
    select
        customer_id,
        feature_month,
        letters,
        arg_min(cell, (-positions, cell)) as home,
    from earlier_cells
    group by customer_id, feature_month, letters
)
{%- endmacro %}
