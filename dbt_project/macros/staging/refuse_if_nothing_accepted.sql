{#- Counts, and not `exists`: DuckDB 2.0.0 answers `exists` wrongly over a filtered left join with an empty table. -#}
{% macro refuse_if_nothing_accepted(relation) %}
    {% set worst = run_query(
        'select file, reason, count(*) as times from ' ~ rejects_table()
        ~ " where model = '" ~ relation.identifier ~ "' group by all order by times desc limit 1"
    ) %}
    {% if worst.rows | length and run_query('select count(*) from ' ~ relation).rows[0][0] == 0 %}
        {% do exceptions.raise_compiler_error(
            'Not one row of ' ~ worst.rows[0][0] ~ ' is acceptable; most often (' ~ worst.rows[0][2] ~ ' times): '
            ~ worst.rows[0][1] ~ '.\nCorrect the file, then: dbt build'
        ) %}
    {% endif %}
{% endmacro %}
