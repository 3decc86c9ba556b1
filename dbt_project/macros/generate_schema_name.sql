{#- A folder's `+schema` is the schema itself: people type `features.ftr_trx`, not `main_features.ftr_trx`. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name | trim if custom_schema_name else target.schema }}
{%- endmacro %}
