{#-
    The targets that mean decline: those whose `config.meta` says `segments: decline`.
    out: their names as a list in SQL, by `segments_rank`, then by name; targets without a rank come last
-#}
{% macro declining_targets() -%}
    {%- set ranked = [] -%}
    {%- if execute -%}
        {%- for node in graph.nodes.values() | sort(attribute='name') if node.config.get('meta', {}).get('segments') == 'decline' -%}
            {%- do ranked.append((node.config.meta.get('segments_rank', 1e9) | float, node.config.meta.target)) -%}
        {%- endfor -%}
    {%- endif -%}
    [{% for _, target in ranked | sort %}'{{ target }}'{{ ', ' if not loop.last }}{% endfor %}]
{%- endmacro %}
