{#- Stops the build where a grid family is made of a partial whose meta does not say whose months it holds. -#}
{% macro refuse_unknown_partials() %}
    {% set known = models_with('partial_of') | map(attribute='model') | list %}
    {% for node in graph.nodes.values() | sort(attribute='name') if node.config.get('meta', {}).get('grid') %}
        {% if not models_read(node) | select('in', known) | list %}
            {% do exceptions.raise_compiler_error(
                node.name ~ ' is made of none of the partials that int_spine_months knows. Write into the YAML of its partial: config: {meta: '
                ~ '{partial_of: ' ~ node.config.meta.source ~ '}}, and into int_spine_months.sql a line: -- depends_on: ' ~ '{{ ref(…) }}'
            ) %}
        {% endif %}
    {% endfor %}
{% endmacro %}
