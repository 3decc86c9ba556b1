{#-
    in:  the relation of vectors, its features' names
    out: a select that spells out the vector's positions as columns; NaN becomes null
-#}
{% macro named_query(rows, names) -%}
    select
        customer_id,
        feature_month,
        event_timestamp,
    {%- for name in names %}
        nullif(vector[{{ loop.index }}], 'nan'::float) as {{ name }},
    {%- endfor %}
        month_version
    from {{ rows }}
{%- endmacro %}
