{#-
    Materialization of customer-month partials: a table whose months are replaced, a batch of months at a time, so that
    memory is bounded by months and not by history. Built from nothing, it takes the old one's place when it is whole.
    in:  a query of the months to be built, with `in_batch` on its events; `config(meta={'files': …})` names the model that
         knows which months there are
    out: the table; months without events any more are gone
-#}
{% materialization monthly, adapter='duckdb' %}
    {%- set fresh = not is_increment() -%}
    {%- set files = api.Relation.create(database=this.database, schema=this.schema, identifier=config.get('meta')['files']) -%}
    {%- set columns = layout() | length + 1 -%}

    {{ run_hooks(pre_hooks) }}
    {% set target = begin_table(sql) if fresh else built() %}
    {% for batch in month_batches(files, specs_of(model.name), columns) %}
        {% do run_query("set variable batch_start = timestamp '" ~ batch.start ~ "'") %}
        {% do run_query("set variable batch_end = timestamp '" ~ batch.end ~ "'") %}
        {{ replace_months(target, sql, fresh) }}
        {% do run_query('reset variable batch_start; reset variable batch_end') %}
    {% endfor %}
    {{ finish_table(target, fresh) }}
    {% do run_query('delete from ' ~ built() ~ ' where feature_month not in (select feature_month from ' ~ files ~ ')') %}
    {{ run_hooks(post_hooks) }}
    {{ adapter.commit() }}
    {{ return({'relations': [built()]}) }}
{% endmaterialization %}

{#- in: a query. out: an empty table of its columns beside the one that is built, to be filled and to take its place. -#}
{% macro begin_table(sql) %}
    {% set fresh = built().incorporate(path={'identifier': built().identifier ~ '__fresh'}) %}
    {% do run_query('create or replace table ' ~ fresh ~ ' as select * from (' ~ sql ~ ') limit 0') %}
    {{ return(fresh) }}
{% endmacro %}

{#- in: a table, a query of months, whether the table is fresh. Does: puts the months' rows in the place of the old. -#}
{% macro replace_months(target, sql, fresh) %}
    {% if fresh %}
        {% do run_query('insert into ' ~ target ~ ' ' ~ sql) %}
    {% else %}
        {% do run_query('create or replace temp table built_again as ' ~ sql) %}
        {% do run_query(
            'delete from ' ~ target ~ ' where feature_month in (select feature_month from built_again) and ' ~ in_bucket('customer_id')
        ) %}
        {% do run_query('insert into ' ~ target ~ ' by name select * from built_again') %}
        {% do run_query('drop table built_again') %}
    {% endif %}
{% endmacro %}

{#- in: the table of begin_table, or the one built before. Does: lets a fresh one take the old one's place. -#}
{% macro finish_table(target, fresh) %}
    {% if fresh %}
        {% do drop_relation_if_exists(load_relation(built())) %}
        {% do run_query('alter table ' ~ target ~ ' rename to ' ~ built().identifier) %}
    {% endif %}
    {% call noop_statement('main', 'OK') %}{% endcall %}
{% endmacro %}
