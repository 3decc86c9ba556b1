{#-
    The columns of a partial beside its keys and version.
    in:  the specs of its families
    out: the names of their parts, in order, each once
-#}
{% macro partial_layout(specs) %}
    {% set parts = [] %}
    {% for spec in specs %}
        {% do parts.extend(grid_parts(spec) | map(attribute='name') | list) %}
    {% endfor %}
    {{ return(parts | unique | list) }}
{% endmacro %}
