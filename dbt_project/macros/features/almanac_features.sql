{#-
    Every feature of a family, from its spec: the one list that SQL, Feast, the catalogue and the tests share.
    in:  a spec with a `grid`, with `features` (name, sql, description), or with both
    out: [{name, sql, description, aggregation, window}], `sql` over the columns of grid_windows or of the model
-#}
{% macro almanac_features(spec) %}
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
