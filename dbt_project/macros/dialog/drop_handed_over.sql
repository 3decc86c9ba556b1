{#- For a Python model's post-hook. Does: drops the tables in which dbt-duckdb handed over its rows, of earlier builds too. -#}
{% macro drop_handed_over() %}
    {% if execute %}
        {% for found in run_query(
            "select table_schema, table_name from information_schema.tables where table_schema = 'main' and starts_with(table_name, '"
            ~ this.identifier ~ "__dbt_tmp')"
        ).rows %}
            {% do run_query('drop table if exists ' ~ found[0] ~ '.' ~ adapter.quote(found[1])) %}
        {% endfor %}
    {% endif %}
{% endmacro %}
