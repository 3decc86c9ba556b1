{#-
    in:  a family's relation, its features' names, the relation of complete months, its source
    out: the CTEs that end with `measured (value, position, is_newest)`: a row a sampled customer-month and feature;
         NaN is missing
    A source without complete months, or with none in the family, has its newest months measured.
-#}
{% macro measured_rows(relation, names, complete_months, source_name) -%}
known_months as (
    select distinct feature_month from {{ relation }}
),

complete as (
    select greatest(max(last_complete_month), (select min(feature_month) from known_months)) as last_month
    from {{ complete_months }}
    where source = '{{ source_name }}'
),

newest_months as (
    select
        known_months.feature_month,
        row_number() over (order by known_months.feature_month desc) = 1 as is_newest,
    from known_months
    cross join complete
    where known_months.feature_month <= coalesce(complete.last_month, known_months.feature_month)
    order by known_months.feature_month desc
    limit 2
),

customers as (
    select customer_id
    from {{ relation }}
    where feature_month in (select feature_month from newest_months)
    group by customer_id
    order by md5(customer_id), customer_id
    limit 2500
),

rows_of_values as (
    select
        [
            {%- for name in names %}
            nullif(family_rows.{{ name }}, 'nan'),
            {%- endfor %}
        ] as row_values,
        newest_months.is_newest,
    from {{ relation }} as family_rows
    inner join newest_months on family_rows.feature_month = newest_months.feature_month
    where family_rows.customer_id in (select customer_id from customers)
),

measured as materialized (
    select
        unnest(row_values) as value,
        unnest(range(1, {{ names | length + 1 }})) as position,
        is_newest,
    from rows_of_values
)
{%- endmacro %}
