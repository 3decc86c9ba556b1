{#-
    Materialization of tables that follow each customer through the months: the months to be built are made for a bucket of
    customers at a time, so that memory is bounded by customers, and take their place at once.
    in:  a query of the months to be built, with `in_bucket` on its customers; `config(meta={'files': …})` names the model
         that knows how many events there are
    out: the table
-#}
{% materialization bucketed, adapter='duckdb' %}
    {%- set fresh = not is_increment() -%}

    {{ run_hooks(pre_hooks) }}
    {% do run_query('reset threads') %}
    {% set beside = begin_table(sql) %}
    {% do fill_by_customers(beside, sql, count_rows(config.get('meta')['files'], 'sum(events)') * 4) %}
    {{ finish_table(beside, fresh) }}
    {{ run_hooks(post_hooks) }}
    {{ adapter.commit() }}
    {{ return({'relations': [built()]}) }}
{% endmaterialization %}

{#- in: a table, a query with `in_bucket`, how many cells it works on. Does: fills the table, bucket by bucket, as memory allows. -#}
{% macro fill_by_customers(table, query, cells) %}
    {% set buckets = (cells / var('cells_at_once')) | round(0, 'ceil') | int or 1 %}
    {% for bucket in range(buckets) %}
        {% do run_query('set variable buckets = ' ~ buckets) %}
        {% do run_query('set variable bucket = ' ~ bucket) %}
        {% do run_query('insert into ' ~ table ~ ' ' ~ query) %}
        {% do run_query('reset variable buckets; reset variable bucket') %}
    {% endfor %}
{% endmacro %}

{#- in: the name of a model below `intermediate`, an aggregate. out: the number of its rows, or what the aggregate says. -#}
{% macro count_rows(model_name, aggregate='count(*)') %}
    {% set counted = api.Relation.create(database=this.database, schema='intermediate', identifier=model_name) %}
    {{ return(run_query('select coalesce(' ~ aggregate ~ ', 0) from ' ~ counted).rows[0][0] | int) }}
{% endmacro %}
