{#-
    in:  a source, its table, `together` as in event_files; for a model that depends on int_file_stamps
    out: a select of its raw files with their stamps
-#}
{% macro stamps_of_table(source_name, table_name, together) -%}
    select
        file,
        {{ 'stamp_together' if together else 'stamp' }} as stamp,
    from {{ ref('int_file_stamps') }}
    where source = '{{ source_name }}' and table_name = '{{ table_name }}'
{%- endmacro %}
