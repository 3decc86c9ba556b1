{#-
    Materialization of tables that follow each customer through the months: the months to be built are made for a bucket of
    customers at a time, so that memory is bounded by customers, and take their place at once.
    in:  a query of the months to be built, with `in_bucket` on its customers; `config(meta={'files': …})` names the model
         that knows how many events there are
    out: the table
-#}
{% materialization bucketed, adapter='duckdb' %}
    {%- set fresh = not almanac_is_increment(this) -%}

    {{ run_hooks(pre_hooks) }}
    {% do run_query('reset threads') %}
    {% set beside = begin_table(this, sql) %}
    {% do fill_by_customers(beside, sql, count_rows(config.get('meta')['files'], 'sum(events)') * 4) %}
    {{ finish_table(this, beside, fresh) }}
    {{ run_hooks(post_hooks) }}
    {{ adapter.commit() }}
    {{ return({'relations': [this.incorporate(type='table')]}) }}
{% endmaterialization %}
