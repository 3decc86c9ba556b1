{#-
    in:  a cell, the kind of partial aggregate ('sum', 'count', …), a slice
    out: the partial aggregate as grid_parts lists it, before windows, trends and lags are noted in it
-#}
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
