{#-
    Every feature of a family, from its spec: the one list that SQL, Feast, the catalogue and the tests share.
    in:  a spec with a `grid`, with `features` (name, sql, description), or with both
    out: [{name, sql, description, aggregation, window}], `sql` over the columns of grid_windows or of the model
-#}
{% macro features(spec) %}
    {% set listed = [] %}
    {% for cell in grid_cells(spec) %}
        {% for aggregation in cell.aggregations %}
            {% for window in cell.windows %}
                {% do listed.append(grid_feature(spec.family, cell, aggregation, window)) %}
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

{% macro grid_feature(family, cell, aggregation, window) %}
    {% set suffix = '__' ~ window_name(window) %}
    {% set words = {
        'sum': 'Sum of', 'mean': 'Mean of', 'min': 'Smallest of', 'max': 'Largest of', 'std': 'Standard deviation of',
        'count': 'Number of', 'nunique': 'Number of different', 'share': 'Share of the sum of', 'days_since': 'Days since the',
    } %}
    {{ return({
        'name': family ~ '_' ~ cell.measure ~ '_' ~ aggregation ~ cell.slice.name ~ suffix,
        'sql': grid_expression(cell, aggregation, suffix),
        'description': words[aggregation] ~ ' ' ~ cell.words ~ cell.slice.words ~ ', ' ~ window_words(window) ~ '.',
        'aggregation': aggregation,
        'window': window_name(window),
    }) }}
{% endmacro %}

{#- in: a cell, an aggregation, '__3m'. out: the statistic made from the window's parts. -#}
{% macro grid_expression(cell, aggregation, suffix) -%}
    {%- set sum, count = cell.column ~ '__sum' ~ suffix, cell.column ~ '__count' ~ suffix -%}
    {%- set squares = cell.column ~ '__squares' ~ suffix -%}
    {%- if aggregation == 'mean' -%}
        {{ sum }} / nullif({{ count }}, 0)
    {%- elif aggregation == 'std' -%}
        sqrt(greatest(0, {{ squares }} - {{ sum }} * {{ sum }} / nullif({{ count }}, 0)) / nullif(greatest({{ count }} - 1, 0), 0))
    {%- elif aggregation == 'share' -%}
        {{ sum }} / nullif({{ cell.measure }}__sum{{ suffix }}, 0)
    {%- elif aggregation == 'days_since' -%}
        date_diff('day', cast({{ cell.column }}__{{ cell.edge }}_time{{ suffix }} as date), cast(feature_month + interval 1 month as date))
    {%- else -%}
        {{ cell.column }}__{{ aggregation }}{{ suffix }}
    {%- endif -%}
{%- endmacro %}
