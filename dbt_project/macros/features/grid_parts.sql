{#-
    The parts that the features of a grid are made from: what must be kept of a month so that any window can be made
    from months.
    in:  a spec
    out: [{name: 'amount__event_type_1__sum', part: 'sum', counted: 'event__event_type_1__count', expression, condition,
           longest: 12, ever: false, aged: true, lags: [1]}, …], each name once. `longest` is the longest window of months,
           `ever` whether a window reaches back to the first month, `aged` whether a trend is asked for, `lags` the
           single earlier months
-#}
{% macro grid_parts(spec) %}
    {% set found = {} %}
    {% for cell in grid_cells(spec) %}
        {% for aggregation in cell.aggregations %}
            {% for part in cell_parts(cell, aggregation) %}
                {% set known = found.setdefault(part.name, part) %}
                {% do refuse_two_meanings(known, part) %}
                {% do known.update({
                    'longest': [known.longest, cell.windows | reject('equalto', 'all') | max | default(1, true)] | max,
                    'ever': known.ever or 'all' in cell.windows,
                    'aged': known.aged or aggregation == 'trend',
                    'lags': (known.lags + cell.lags) | unique | list,
                }) %}
            {% endfor %}
        {% endfor %}
    {% endfor %}
    {{ return(found.values() | list) }}
{% endmacro %}

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

{% macro grid_part(cell, part, slice) %}
    {% set is_count = part == 'count' %}
    {{ return({
        'name': (cell.counted if is_count else cell.measure) ~ slice.name ~ '__' ~ part,
        'part': part,
        'counted': cell.counted ~ slice.name ~ '__count',
        'expression': none if is_count and cell.counts_events else cell.expression,
        'condition': slice.condition,
        'longest': 1, 'ever': false, 'aged': false, 'lags': [],
    }) }}
{% endmacro %}

{#- in: two parts of one name. Does: stops the build where they are not one, for only one of them would be kept. -#}
{% macro refuse_two_meanings(known, part) %}
    {% if (known.expression, known.condition) != (part.expression, part.condition) %}
        {% do exceptions.raise_compiler_error(
            'The specs in models/features make two things of ' ~ part.name ~ ': `' ~ known.expression ~ '` where `' ~ known.condition
            ~ '`, and `' ~ part.expression ~ '` where `' ~ part.condition ~ '`.\nRename one measure or slice, then: dbt build'
        ) %}
    {% endif %}
{% endmacro %}
