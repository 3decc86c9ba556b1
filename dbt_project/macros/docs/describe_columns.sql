{#-
    Adds columns to what the manifest knows of the model that is being compiled: those whose words follow from a spec and not from
    its YAML. `dbt docs generate` shows them, comment_on_relations writes them into the warehouse. What the YAML says comes first.
    in:  [{name, description}, …], as almanac_features and part_descriptions list them
    dbt has no way to declare columns by a macro: `config.model` is the node that becomes the manifest's.
-#}
{% macro describe_columns(described) %}
    {% set node = config.model %}
    {% if execute and node is defined and node.resource_type == 'model' and node.columns %}
        {% set pattern = node.columns.values() | first %}
        {% for each in described if each.name not in node.columns %}
            {% do node.columns.update({each.name: pattern.replace(name=each.name, description=each.description)}) %}
        {% endfor %}
    {% endif %}
{% endmacro %}
