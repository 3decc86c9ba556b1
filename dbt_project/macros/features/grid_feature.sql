{#-
    One feature of a grid.
    in:  the family's domain, a cell, an aggregation, a window (3 or 'all')
    out: {name, sql, description, aggregation, window}
-#}
{% macro grid_feature(domain, cell, aggregation, window) %}
    {% set words = {
        'sum': 'Sum of', 'mean': 'Mean of', 'min': 'Smallest of', 'max': 'Largest of', 'std': 'Standard deviation of',
        'count': 'Number of', 'nunique': 'Number of different', 'last': 'Last of', 'days_since': 'Days since the',
        'share': 'Share of the ' ~ ('sum' if cell.expression else 'number') ~ ' of',
        'trend': 'Monthly trend of the ' ~ ('sum' if cell.expression else 'number') ~ ' of',
    } %}
    {{ return({
        'name': domain ~ '_' ~ cell.measure ~ '_' ~ aggregation ~ cell.slice.name ~ '__' ~ window_name(window),
        'sql': grid_expression(cell, aggregation, window),
        'description': words[aggregation] ~ ' ' ~ cell.words ~ cell.slice.words ~ ', ' ~ window_words(window) ~ '.',
        'aggregation': aggregation,
        'window': window_name(window),
    }) }}
{% endmacro %}
