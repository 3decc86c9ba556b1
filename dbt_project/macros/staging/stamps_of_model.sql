{#- out: a select of the files of the model's source with their stamps. -#}
{% macro stamps_of_model() -%}
    {%- set read = model.sources | rejectattr(0, 'equalto', 'workspace') | first -%}
    select
        file,
        stamp,
    from ({{ file_stamps() }}) as stamps
    where source = '{{ read[0] }}' and table_name = '{{ read[1] }}'
{%- endmacro %}
