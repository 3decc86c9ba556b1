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
