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
