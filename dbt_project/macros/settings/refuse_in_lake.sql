{#- For on-run-start: stops a build of customers' models in a workspace whose models are built in the buckets of a lake. -#}
{% macro refuse_in_lake() %}
    {% if not execute or flags.WHICH not in ('build', 'run') or not is_lake() %}{{ return('select 1') }}{% endif %}
    {% for key in selected_resources if key in graph.nodes %}
        {% set node = graph.nodes[key] %}
        {% if node.resource_type == 'model' and node.config.get('meta', {}).get('scope') != 'whole' %}
            {% do exceptions.raise_compiler_error(
                'This workspace is a lake: ' ~ node.name ~ ' is built in buckets of customers.\nBuild it: ml lake build\n'
                ~ 'The marts of scores are built here: dbt build --select source:scores+ tag:monitoring'
            ) %}
        {% endif %}
    {% endfor %}
    {{ return('select 1') }}
{% endmacro %}
