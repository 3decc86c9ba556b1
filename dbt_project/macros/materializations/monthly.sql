{#-
    Materialization of customer-month partials: a table whose months are replaced, a batch of months at a time, so that
    memory is bounded by months and not by history. Batches are gathered beside the table and take their place in it at
    once, so that a build that is cut off leaves it as it was.
    in:  a query of the months to be built, with `in_batch` on its events; `config(meta={'files': …})` names the model that
         knows which months there are
    out: the table; months that are not of the files' newest versions are gone, such as those without events any more
-#}
{% materialization monthly, adapter='duckdb' %}
    {%- set specs = almanac_specs_of(model.name) -%}
    {%- set layout = partial_layout(specs) -%}
    {%- set fresh = not almanac_is_increment(this, layout) -%}
    {%- set files = api.Relation.create(database=this.database, schema=this.schema, identifier=config.get('meta')['files']) -%}
    {%- set changed = changed_months(files, partial_columns(specs), not fresh) -%}

    {{ run_hooks(pre_hooks) }}
    {% do run_query('reset threads') %}
    {% set batches = month_batches(files, changed, layout | length + 1) %}
    {% if fresh or batches %}
        {% set beside = begin_table(this, sql) %}
        {% for batch in batches %}
            {% do run_query("set variable batch_start = timestamp '" ~ batch.start ~ "'") %}
            {% do run_query("set variable batch_end = timestamp '" ~ batch.end ~ "'") %}
            {% do run_query('insert into ' ~ beside ~ ' ' ~ sql) %}
            {% do run_query('reset variable batch_start; reset variable batch_end') %}
        {% endfor %}
        {{ finish_table(this, beside, fresh) }}
    {% else %}
        {% do adapter.ensure_transaction() %}
        {% call noop_statement('main', 'UNCHANGED') %}{% endcall %}
    {% endif %}
    {% do run_query(
        'delete from ' ~ this ~ ' where (feature_month, month_version) not in (with ' ~ changed
        ~ ' select feature_month, month_version from versions)'
    ) %}
    {{ run_hooks(post_hooks) }}
    {{ adapter.commit() }}
    {{ return({'relations': [this.incorporate(type='table')]}) }}
{% endmaterialization %}
