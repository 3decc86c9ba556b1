{#- The relation of the models that were made champion, with the months that each learnt from; `ml` appends to it. -#}
{% macro champions_table() -%}
    {{ api.Relation.create(database=target.database, schema='monitoring', identifier='champions') }}
{%- endmacro %}
