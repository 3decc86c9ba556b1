{#-
    The specs of all grid families that are made from one customer-month partial, in the order of their names.
    in:  almanac_specs_of('int_mbd_trx_months')
    out: their specs; none while dbt only parses
-#}
{% macro almanac_specs_of(partial) %}
    {% set found = [] %}
    {% if execute %}
        {% for node in graph.nodes.values() | sort(attribute='name') %}
            {% if node.config.get('meta', {}).get('grid') and partial in models_read(node) %}
                {% do found.append(node.config.meta) %}
            {% endif %}
        {% endfor %}
    {% endif %}
    {{ return(found) }}
{% endmacro %}
