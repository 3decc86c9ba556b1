{#-
    The targets whose tables are there; no model needs to name them all.
    out: [{name: SQL of the target's name, relation: …}, …], none while dbt only parses
-#}
{% macro built_targets() %}
    {% set found = [] %}
    {% if execute %}
        {% for node in graph.nodes.values() | selectattr('resource_type', 'equalto', 'model') | sort(attribute='name') %}
            {% set meta = node.config.get('meta', {}) %}
            {% set name = "'" ~ meta.target ~ "'" if meta.get('target') else meta.get('targets_by') %}
            {% set relation = built_relation(node) if name %}
            {% if relation %}{% do found.append({'name': name, 'relation': relation}) %}{% endif %}
        {% endfor %}
    {% endif %}
    {{ return(found) }}
{% endmacro %}
