{#-
    Every feature of a family, from its spec: the one list that SQL, Feast, the catalogue and the tests share.
    in:  a spec with a `grid`, with `features` (name, sql, description), or with both
    out: [{name, sql, description, aggregation, window}], `sql` over the columns of grid_windows or of the model
-#}
{% macro features(spec) %}
    {% set listed = [] %}
    {% for cell in grid_cells(spec) %}
        {% for aggregation in cell.aggregations %}
            {% for window in aggregation_windows(cell, aggregation) %}
                {% do listed.append(grid_feature(spec.get('domain', spec.family), cell, aggregation, window)) %}
            {% endfor %}
        {% endfor %}
    {% endfor %}
    {% for declared in spec.get('features', []) %}
        {% do listed.append({
            'name': declared.name,
            'sql': declared.sql,
            'description': declared.description,
            'aggregation': feature_aggregation(declared.name),
            'window': declared.name.split('__')[-1],
        }) %}
    {% endfor %}
    {{ return(listed) }}
{% endmacro %}

{#- in: a feature's name. out: its aggregation, the words that end the name's first clause. -#}
{% macro feature_aggregation(name) %}
    {% for aggregation in [
        'sum', 'mean', 'min', 'max', 'std', 'count', 'nunique', 'last', 'days_since', 'share', 'trend', 'ratio',
    ] if name.split('__')[0].endswith('_' ~ aggregation) %}
        {{ return(aggregation) }}
    {% endfor %}
    {% do exceptions.raise_compiler_error("The feature " ~ name ~ " names no aggregation before its first `__`.") %}
{% endmacro %}

{#- in: a cell, an aggregation. out: the windows in which it has an answer; one month and all of time have no slope. -#}
{% macro aggregation_windows(cell, aggregation) %}
    {{ return(cell.windows | reject('in', [1, 'all']) | list if aggregation == 'trend' else cell.windows) }}
{% endmacro %}

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

{#- in: a cell, an aggregation, 3. out: the statistic made from the window's parts. -#}
{% macro grid_expression(cell, aggregation, window) -%}
    {%- set suffix = '__' ~ window_name(window) -%}
    {%- set count = cell.counted ~ cell.slice.name ~ '__count' -%}
    {%- set main = cell.column ~ '__sum' if cell.expression else count -%}
    {%- set whole = cell.measure ~ '__sum' if cell.expression else cell.counted ~ '__count' -%}
    {%- if aggregation == 'mean' -%}
        {{ main ~ suffix }} / nullif({{ count ~ suffix }}, 0)
    {%- elif aggregation == 'std' -%}
        sqrt(greatest(0, {{ cell.column }}__squares{{ suffix }} - {{ main ~ suffix }} * {{ main ~ suffix }} / nullif({{ count ~ suffix }}, 0)) / nullif(greatest({{ count ~ suffix }} - 1, 0), 0))
    {%- elif aggregation == 'share' -%}
        {{ main ~ suffix }} / nullif({{ whole ~ suffix }}, 0)
    {%- elif aggregation == 'count' -%}
        {{ count ~ suffix }}
    {%- elif aggregation == 'trend' -%}
        ({{ (window - 1) / 2 }} * {{ main ~ suffix }} - {{ main }}__aged_{{ window_name(window) }}) / {{ window * (window * window - 1) / 12 }}
    {%- elif aggregation == 'days_since' -%}
        date_diff('day', cast({{ cell.column }}__{{ cell.edge }}_time{{ suffix }} as date), cast(feature_month + interval 1 month as date))
    {%- else -%}
        {{ cell.column }}__{{ aggregation ~ suffix }}
    {%- endif -%}
{%- endmacro %}
