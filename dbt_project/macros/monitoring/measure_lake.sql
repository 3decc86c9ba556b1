{#-
    A pre-hook of the first model that reads what was measured: in a lake no family is built here, so that none measures itself.
    out: the statements of measure_months for each family that the lake has; none in a workspace that is no lake
-#}
{% macro measure_lake() %}
    {%- if execute and flags.WHICH in ('build', 'run') and is_lake() %}
    {%- for node in graph.nodes.values() | sort(attribute='name') if node.config.get('meta', {}).get('family') %}
        {%- set ends = '__vectors' if node.config.materialized == 'vectors' else '' -%}
        {%- set rows = built_relation(node, ends) -%}
        {%- if rows %}{{ measure_months(node, rows) }}{% endif %}
    {%- endfor %}
    {%- endif %}
{% endmacro %}
