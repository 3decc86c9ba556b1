{#-
    The months to be built, in batches that fit in memory: a month's customers times columns bounds each, or its events times
    eight, if these are more.
    in:  the relation of event files, the CTEs of changed_months, the number of columns
    out: [{start: '2022-01-01', end: '2022-04-01'}, …]
-#}
{% macro month_batches(files, changed, columns) %}
    {% set months = run_query(
        'with ' ~ changed
        ~ " select changed.feature_month, cast(changed.feature_month + interval 1 month as date), greatest(sum(files.customers) * " ~ columns ~ ", sum(files.events) * 8)"
        ~ ' from changed inner join ' ~ files ~ ' as files using (feature_month) group by changed.feature_month order by changed.feature_month'
    ).rows %}
    {% set batches = [] %}
    {% for month in months %}
        {% set cells = month[2] | int %}
        {% if batches and batches[-1].cells + cells <= var('cells_at_once') %}
            {% do batches[-1].update({'end': month[1], 'cells': batches[-1].cells + cells}) %}
        {% else %}
            {% do batches.append({'start': month[0], 'end': month[1], 'cells': cells}) %}
        {% endif %}
    {% endfor %}
    {{ return(batches) }}
{% endmacro %}
