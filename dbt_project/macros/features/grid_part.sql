{#-
    in:  a cell, the kind of partial aggregate ('sum', 'count', …), a slice
    out: the partial aggregate as grid_parts lists it, before windows, trends and lags are noted in it
-#}
{% macro grid_part(cell, part, slice) %}
    {% set is_count = part == 'count' %}
    {% set kinds = {
        'sum': 'sum', 'count': 'number' if cell.counts_events else 'number of values', 'squares': 'sum of squares', 'min': 'smallest',
        'max': 'largest', 'nunique': 'number of different values', 'last': 'last', 'last_time': 'its time', 'first_time': 'its time',
    } %}
    {% set words = cell.words ~ slice.get('words', '') %}
    {{ return({
        'name': (cell.counted if is_count else cell.measure) ~ slice.name ~ '__' ~ part,
        'part': part,
        'counted': cell.counted ~ slice.name ~ '__count',
        'expression': none if is_count and cell.counts_events else cell.expression,
        'condition': slice.condition,
        'description': words[0] | upper ~ words[1:] ~ ', in the month: ' ~ kinds[part] ~ '.',
        'longest': 1, 'ever': false, 'aged': false, 'lags': [],
    }) }}
{% endmacro %}
