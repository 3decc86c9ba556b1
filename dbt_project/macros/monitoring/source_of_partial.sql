{#- out: the source that a partial is of, by its meta `partial_of`. -#}
{% macro source_of_partial(name) %}
    {%- for node in graph.nodes.values() | selectattr('name', 'equalto', name) %}{{ return(node.config.meta.partial_of) }}{% endfor -%}
{% endmacro %}
