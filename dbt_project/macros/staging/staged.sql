{#-
    Materialization of staging models: accepted rows become the view, every other row goes to `staging.rejects`.
    in:  a query whose rows carry `_file`, `_row`, `_line` and `reject_reason` (null accepts)
    out: a view of the accepted rows, of these columns with `_file` alone; rejects replaced for this model, or, where
         `config(meta={'apart': true})` says that each file's rows are judged on their own, for the files that changed
    Refuses the whole input where not one row of it is acceptable: that is a wrong file, not a dirty row.
-#}
{% materialization staged, adapter='duckdb' %}
    {%- set target_relation = this.incorporate(type='view') -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- set marks = 'exclude (_row, _line, reject_reason)' -%}
    {%- set due = due_files() -%}

    {{ run_hooks(pre_hooks) }}
    {% set rejected %}
        select
            '{{ this.identifier }}' as model,
            _file as file,
            _row as row_number,
            reject_reason as reason,
            _line as raw_row
        from ({{ sql }}) as rows
        where reject_reason is not null and {{ in_files(due) }}
    {% endset %}
    {% call statement('main') %}
        create or replace view {{ target_relation }} as
        select * {{ marks }} from ({{ sql }}) as rows where reject_reason is null
    {% endcall %}
    {% do forget_rejects(due) %}
    {% do run_query('insert into ' ~ rejects_table() ~ ' ' ~ rejected) %}
    {{ refuse_if_nothing_accepted(target_relation) }}
    {{ run_hooks(post_hooks) }}
    {{ adapter.commit() }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
