{#-
    in:  the relation that will hold the rows, a query
    out: an empty table `<name>__fresh` with the query's columns, to be filled with the months to be built
    Its columns are spelt out: DuckDB 2.0.0 loses what two threads insert into a table that `create … as … limit 0` made in the
    same transaction, once it is more than a row group.
-#}
{% macro begin_table(rows, sql) %}
    {% set beside = rows.incorporate(path={'identifier': rows.identifier ~ '__fresh'}) %}
    {% set columns = [] %}
    {% for column in run_query('describe select * from (' ~ sql ~ ')').rows %}
        {% do columns.append(adapter.quote(column[0]) ~ ' ' ~ column[1]) %}
    {% endfor %}
    {% do run_query('create or replace table ' ~ beside ~ ' (' ~ columns | join(', ') ~ ')') %}
    {{ return(beside) }}
{% endmacro %}
