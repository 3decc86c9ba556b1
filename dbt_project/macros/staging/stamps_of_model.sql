{#- out: a select of the files of the model's source with their stamps. -#}
{% macro stamps_of_model() -%}
    {%- set read = model.sources | rejectattr(0, 'equalto', 'workspace') | first -%}
    {{ file_stamps(read[0], read[1], false) }}
{%- endmacro %}
