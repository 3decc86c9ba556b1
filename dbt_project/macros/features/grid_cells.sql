{#-
    The cells of a grid: every measure in every slice it is asked for. Partials and features are both made of cells,
    so neither can name what the other lacks.
    in:  a spec with `family` and `grid: {measures: {amount: {expression, words, aggregations, sliced}}, slices}`
    out: [{measure: 'amount', column: 'amount__event_type_1', slice, aggregations: ['sum', 'count']}, …]
-#}
{% macro grid_cells(spec) %}
    {% set cells = [] %}
    {% set grid = spec.get('grid', {}) %}
    {% for measure, declared in grid.get('measures', {}).items() %}
        {% for slice in grid_slices(grid) %}
            {% set aggregations = declared.get('sliced', []) if slice.name else declared.aggregations %}
            {% if aggregations %}
                {% do cells.append({
                    'measure': measure,
                    'expression': declared.get('expression'),
                    'words': declared.words,
                    'column': measure ~ slice.name,
                    'slice': slice,
                    'aggregations': aggregations,
                    'windows': declared.get('windows', grid.windows),
                    'edge': declared.get('edge', 'last'),
                }) %}
            {% endif %}
        {% endfor %}
    {% endfor %}
    {{ return(cells) }}
{% endmacro %}
