{#-
    The baseline features of the targets, whose families' tables are there.
    out: [{target, feature, relation, sign: '' where a larger value makes 1 likelier, else '-'}, …], none while dbt only parses
-#}
{% macro built_baselines() %}
    {% set found = [] %}
    {% if execute %}
        {% set models = graph.nodes.values() | selectattr('resource_type', 'equalto', 'model') | sort(attribute='name') | list %}
        {% for family in models if family.config.get('meta', {}).get('family') %}
            {% set features = family_layout(family.config.meta) %}
            {% for target in models if target.config.get('meta', {}).get('baseline') and target.config.meta.baseline.feature in features %}
                {% set baseline = target.config.meta.baseline %}
                {% set relation = built_relation(family) %}
                {% if relation %}
                    {% do found.append({
                        'target': target.config.meta.target, 'feature': baseline.feature, 'relation': relation,
                        'sign': '' if baseline.get('descending', true) else '-',
                    }) %}
                {% endif %}
            {% endfor %}
        {% endfor %}
    {% endif %}
    {{ return(found) }}
{% endmacro %}
