{#-
    in:  the query of a family, its features' names
    out: a select of customer_id, feature_month, event_timestamp, month_version, vector; a missing value is NaN
-#}
{% macro vector_query(sql, names) -%}
    select
        customer_id,
        feature_month,
        event_timestamp,
        month_version,
        [
        {%- for name in names %}
            coalesce(cast({{ name }} as float), 'nan'){{ '' if loop.last else ',' }}
        {%- endfor %}
        ]::float[{{ names | length }}] as vector
    from ({{ sql }})
{%- endmacro %}
