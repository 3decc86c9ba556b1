{#-
    in:  the landed source, its table, both as `landed`
    out: the left join with the file of each row, whose `decimal_sign` decimal_number reads
-#}
{% macro join_file(source_name, table_name) -%}
    left join {{ source('workspace', 'files') }} as files
    on files.source = '{{ source_name }}' and files.table_name = '{{ table_name }}' and landed._file = files.file
{%- endmacro %}
