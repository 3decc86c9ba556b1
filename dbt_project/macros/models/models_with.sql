{#-
    The models whose `config.meta` has a key. By it a model finds what it is made of, without a list of sources or targets.
    in:  models_with('dated_by')
    out: [{model: 'stg_mbd__trx', source: 'mbd', declared: 'event_time'}, …] in the order of the models' names, `source` being the
         source that the model reads itself, if any; none while dbt only parses
    dbt must know what a model reads before it runs, and shows a model no other while it parses. So a model that passes the names
    on to ref() has a line `-- depends_on` for each; where one is missing, dbt stops and says which.
-#}
{% macro models_with(key) %}
    {% set found = [] %}
    {% if execute %}
        {% for node in graph.nodes.values() | selectattr('resource_type', 'equalto', 'model') | sort(attribute='name') %}
            {% if node.config.get('meta', {}).get(key) %}
                {% set read = node.sources | map('first') | reject('equalto', 'workspace') | list %}
                {% do found.append({'model': node.name, 'source': read | first, 'declared': node.config.meta[key]}) %}
            {% endif %}
        {% endfor %}
    {% endif %}
    {{ return(found) }}
{% endmacro %}
