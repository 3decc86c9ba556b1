{#-
    For a model that finds what it is made of by `meta`: says that it may read the models of a project that imports this one,
    which names them in its own dbt_project.yml, `vars: {almanac: {own_models: [int_support_months]}}`. dbt must know it while it parses;
    a unit test, which has inputs of its own, must not.
-#}
{% macro own_models() %}
    {%- if not execute %}
    {%- for name in var('own_models') %}
-- depends_on: {{ ref(name) }}
    {%- endfor %}
    {%- endif %}
{%- endmacro %}
