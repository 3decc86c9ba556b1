{#-
    The cells of a grid: every measure in every slice it is asked for. Partials and features are both made of cells,
    so neither can name what the other lacks.
    in:  a spec with `grid: {windows, measures: {amount: {expression, words, aggregations, sliced}}, slices}`
    out: [{measure: 'amount', column: 'amount__event_type_1', slice, aggregations: ['sum', 'count'], …}, …]
    A measure without expression counts events. `never_null` says that every event has a value, so that their number
    is that of the events. `windows` and `sliced_windows` of a measure override the grid's; `lags` are single months.
-#}
{% macro grid_cells(spec) %}
    {% set cells = [] %}
    {% set grid = spec.get('grid', {}) %}
    {% for measure, declared in grid.get('measures', {}).items() %}
        {% set windows = declared.get('windows', grid.windows) %}
        {% for slice in grid_slices(grid) %}
            {% set aggregations = declared.get('sliced', []) if slice.name else declared.get('aggregations', []) %}
            {% if aggregations %}
                {% do cells.append({
                    'measure': measure,
                    'expression': declared.get('expression'),
                    'words': declared.words,
                    'column': measure ~ slice.name,
                    'counted': 'event' if declared.get('never_null') else measure,
                    'counts_events': declared.get('never_null') or not declared.get('expression'),
                    'slice': slice,
                    'aggregations': aggregations,
                    'windows': declared.get('sliced_windows', windows) if slice.name else windows,
                    'lags': [] if slice.name else declared.get('lags', []),
                    'edge': declared.get('edge', 'last'),
                }) %}
            {% endif %}
        {% endfor %}
    {% endfor %}
    {{ return(cells) }}
{% endmacro %}
