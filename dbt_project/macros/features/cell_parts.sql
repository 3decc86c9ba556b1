{#- in: a cell, an aggregation. out: the parts this one aggregation needs of its slice, and of the whole for a share. -#}
{% macro cell_parts(cell, aggregation) %}
    {% set main = 'sum' if cell.expression else 'count' %}
    {% set needs = {
        'sum': ['sum', 'count'], 'mean': ['sum', 'count'], 'std': ['sum', 'count', 'squares'], 'min': ['min'], 'max': ['max'],
        'count': ['count'], 'nunique': ['nunique'], 'last': ['last'], 'days_since': [cell.edge ~ '_time'],
        'share': [main, 'count'], 'trend': [main, 'count'],
    } %}
    {% set parts = [] %}
    {% for part in needs[aggregation] | unique %}
        {% do parts.append(grid_part(cell, part, cell.slice)) %}
        {% if aggregation == 'share' %}
            {% do parts.append(grid_part(cell, part, {'name': '', 'condition': 'true'})) %}
        {% endif %}
    {% endfor %}
    {{ return(parts) }}
{% endmacro %}
