{#-
    A feature family's spec: the `config.meta` of its model's YAML. The one place that reads it, so that a unit
    test, where dbt leaves `meta` empty, overrides this macro.
    in:  almanac_spec('ftr_trx')
    out: the mapping below `config.meta`; empty while dbt only parses
-#}
{% macro almanac_spec(model_name) %}
    {% if not execute %}{{ return({}) }}{% endif %}
    {{ return((graph.nodes.values() | selectattr('resource_type', 'equalto', 'model') | selectattr('name', 'equalto', model_name) | first).config.meta) }}
{% endmacro %}
