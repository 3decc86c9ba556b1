{#-
    in:   the relation that holds the rows, the filled table of begin_table, whether it replaces all rows
    Does: puts the filled table, or its months, in the place of the old rows, in a transaction that the materialization
          commits together with its other changes
-#}
{% macro finish_table(rows, beside, fresh) %}
    {% do adapter.ensure_transaction() %}
    {% if fresh %}
        {% do drop_relation_if_exists(load_relation(rows)) %}
        {% do run_query('alter table ' ~ beside ~ ' rename to ' ~ rows.identifier) %}
    {% else %}
        {% do run_query('delete from ' ~ rows ~ ' where feature_month in (select feature_month from ' ~ beside ~ ')') %}
        {% do run_query('insert into ' ~ rows ~ ' by name select * from ' ~ beside) %}
        {% do run_query('drop table ' ~ beside) %}
    {% endif %}
    {% call noop_statement('main', 'OK') %}{% endcall %}
{% endmacro %}
