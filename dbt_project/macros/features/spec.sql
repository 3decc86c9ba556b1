{#-
    A feature family's spec: the `config.meta` of its model's YAML. The one place that reads it, so that a unit
    test, where dbt leaves `meta` empty, overrides this macro.
    in:  spec('ftr_trx')
    out: the mapping below `config.meta`; empty while dbt only parses
-#}
{% macro spec(model_name) %}
    {% if not execute %}{{ return({}) }}{% endif %}
    {{ return(graph.nodes['model.almanac.' ~ model_name].config.meta) }}
{% endmacro %}

{#-
    The specs of all grid families that are made from one customer-month partial, in the order of their names.
    in:  specs_of('int_mbd_trx_months')
    out: their specs; none while dbt only parses
-#}
{% macro specs_of(partial) %}
    {% set found = [] %}
    {% if execute %}
        {% for node in graph.nodes.values() | sort(attribute='name') %}
            {% if node.config.get('meta', {}).get('grid') and 'model.almanac.' ~ partial in node.depends_on.nodes %}
                {% do found.append(node.config.meta) %}
            {% endif %}
        {% endfor %}
    {% endif %}
    {{ return(found) }}
{% endmacro %}
