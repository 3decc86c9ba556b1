{#- For on-run-start: stops a build of customers' models in a workspace whose models are built in the buckets of a lake. -#}
{% macro refuse_in_lake() %}
    {% if not execute or target.name in ('lake', 'bucket') or flags.WHICH not in ('build', 'run') %}{{ return('select 1') }}{% endif %}
    {% set settings = api.Relation.create(database=target.database, schema='landed', identifier='workspace__settings') %}
    {% if load_relation(settings) is none or not run_query("select 1 from " ~ settings ~ " where name = 'lake'").rows | length %}{{ return('select 1') }}{% endif %}
    {% for key in selected_resources if key in graph.nodes %}
        {% set node = graph.nodes[key] %}
        {% if node.resource_type == 'model' and node.config.get('meta', {}).get('scope') != 'whole' %}
            {% do exceptions.raise_compiler_error(
                'This workspace is a lake: ' ~ node.name ~ ' is built in buckets of customers.\nBuild it: ml lake build\n'
                ~ 'The marts of scores are built here: dbt build --select source:scores+'
            ) %}
        {% endif %}
    {% endfor %}
    {{ return('select 1') }}
{% endmacro %}
