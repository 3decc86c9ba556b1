{#-
    Materialization of wide families: vectors below, names above. The rows are one FLOAT[n] a customer-month in the table
    `<model>__vectors`, which joins, sorts and leaves the warehouse as one value; the view `<model>` spells out its
    positions as the columns of the query. A missing value is NaN in the vector and null in the view.
    in:  a query of customer_id, feature_month, event_timestamp, features, month_version for the months to be built, with
         `in_bucket` on its customers
    out: the table and the view; where the model's own note_unchanged found no month to build, both stay as they are
-#}
{% materialization vectors, adapter='duckdb' %}
    {%- set rows = vectors_table() -%}

    {{ run_hooks(pre_hooks) }}
    {% if is_unchanged() %}
        {% do adapter.ensure_transaction() %}
        {% call noop_statement('main', 'UNCHANGED') %}{% endcall %}
    {% else %}
        {% set names = family_layout(almanac_spec(model.name)) %}
        {% set fresh = not almanac_is_increment(rows, names) %}
        {# Families are built beside each other, each by one worker: two would leave row groups half full, to be written again. #}
        {% do run_query('set threads = 1') %}
        {% set packed = vector_query(sql, names) %}
        {% set beside = begin_table(rows, packed) %}
        {% do fill_by_customers(beside, packed, count_rows('int_customer_months') * names | length) %}
        {{ finish_table(rows, beside, fresh) }}
        {% do drop_relation_if_exists(load_relation(this)) if fresh %}
        {% do run_query('create or replace view ' ~ this ~ ' as ' ~ named_query(rows, names)) %}
    {% endif %}
    {{ run_hooks(post_hooks) }}
    {{ adapter.commit() }}
    {{ return({'relations': [this.incorporate(type='view'), rows]}) }}
{% endmaterialization %}
