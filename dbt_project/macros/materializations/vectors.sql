{#-
    Materialization of wide families: vectors below, names above. The rows are one FLOAT[n] a customer-month in the table
    `<model>__vectors`, which joins, sorts and leaves the warehouse as one value; the view `<model>` spells out its
    positions as the columns of the query. A missing value is NaN in the vector and null in the view.
    in:  a query of customer_id, feature_month, event_timestamp, features, month_version for the months to be built, with
         `in_bucket` on its customers
    out: the table and the view
-#}
{% materialization vectors, adapter='duckdb' %}
    {%- set fresh = not is_increment() -%}
    {%- set names = layout() -%}
    {%- set packed = vector_query(sql, names) -%}

    {{ run_hooks(pre_hooks) }}
    {# Families are built beside each other, each by one worker: two would leave row groups half full, to be written again. #}
    {% do run_query('set threads = 1') %}
    {% set beside = begin_table(packed) %}
    {% do fill_by_customers(beside, packed, count_rows('int_customer_months') * names | length) %}
    {{ finish_table(beside, fresh) }}
    {% do drop_relation_if_exists(load_relation(this)) if fresh %}
    {% do run_query('create or replace view ' ~ named() ~ ' as ' ~ named_query(names)) %}
    {{ run_hooks(post_hooks) }}
    {{ adapter.commit() }}
    {{ return({'relations': [named(), built()]}) }}
{% endmaterialization %}

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

{% macro named_query(names) -%}
    select
        customer_id,
        feature_month,
        event_timestamp,
    {%- for name in names %}
        nullif(vector[{{ loop.index }}], 'nan'::float) as {{ name }},
    {%- endfor %}
        month_version
    from {{ built() }}
{%- endmacro %}
