{#-
    Materialization of customer-month partials: a table whose months are replaced, a batch of months at a time, so that
    memory is bounded by months and not by history. Batches are gathered beside the table and take their place in it at
    once, so that a build that is cut off leaves it as it was.
    in:  a query of the months to be built, with `in_batch` on its events; `config(meta={'files': …})` names the model that
         knows which months there are
    out: the table; months that are not of the files' newest versions are gone, such as those without events any more
-#}
{% materialization monthly, adapter='duckdb' %}
    {%- set fresh = not is_increment() -%}
    {%- set files = api.Relation.create(database=this.database, schema=this.schema, identifier=config.get('meta')['files']) -%}
    {%- set columns = layout() | length + 1 -%}

    {{ run_hooks(pre_hooks) }}
    {% do run_query('reset threads') %}
    {% set beside = begin_table(sql) %}
    {% for batch in month_batches(files, specs_of(model.name), columns) %}
        {% do run_query("set variable batch_start = timestamp '" ~ batch.start ~ "'") %}
        {% do run_query("set variable batch_end = timestamp '" ~ batch.end ~ "'") %}
        {% do run_query('insert into ' ~ beside ~ ' ' ~ sql) %}
        {% do run_query('reset variable batch_start; reset variable batch_end') %}
    {% endfor %}
    {{ finish_table(beside, fresh) }}
    {% do run_query(
        'delete from ' ~ built() ~ ' where (feature_month, month_version) not in (with ' ~ changed_months(files, specs_of(model.name))
        ~ ' select feature_month, month_version from versions)'
    ) %}
    {{ run_hooks(post_hooks) }}
    {{ adapter.commit() }}
    {{ return({'relations': [built()]}) }}
{% endmaterialization %}

{#-
    in:  a query
    out: an empty table of its columns beside the one that is built, to be filled with the months to be built
    Its columns are spelt out: DuckDB 2.0.0 loses what two threads insert into a table that `create … as … limit 0` made in the
    same transaction, once it is more than a row group.
-#}
{% macro begin_table(sql) %}
    {% set beside = built().incorporate(path={'identifier': built().identifier ~ '__fresh'}) %}
    {% set columns = [] %}
    {% for column in run_query('describe select * from (' ~ sql ~ ')').rows %}
        {% do columns.append(adapter.quote(column[0]) ~ ' ' ~ column[1]) %}
    {% endfor %}
    {% do run_query('create or replace table ' ~ beside ~ ' (' ~ columns | join(', ') ~ ')') %}
    {{ return(beside) }}
{% endmacro %}

{#-
    in: the table of begin_table, filled; whether it is all there is. Does: lets it, or its months, take the old one's place,
    in a transaction that the materialization commits when all that belongs together is done.
-#}
{% macro finish_table(beside, fresh) %}
    {% do adapter.ensure_transaction() %}
    {% if fresh %}
        {% do drop_relation_if_exists(load_relation(built())) %}
        {% do run_query('alter table ' ~ beside ~ ' rename to ' ~ built().identifier) %}
    {% else %}
        {% do run_query('delete from ' ~ built() ~ ' where feature_month in (select feature_month from ' ~ beside ~ ')') %}
        {% do run_query('insert into ' ~ built() ~ ' by name select * from ' ~ beside) %}
        {% do run_query('drop table ' ~ beside) %}
    {% endif %}
    {% call noop_statement('main', 'OK') %}{% endcall %}
{% endmacro %}
