{#- in: a list of files, or none for all. out: a condition on `_file` that lets the reader leave the other files closed. -#}
{% macro in_files(files, column='_file') -%}
    {%- if files is none -%}
        true
    {%- elif not files -%}
        false
    {%- else -%}
        {{ column }} in ('{{ files | map('replace', "'", "''") | join("', '") }}')
    {%- endif -%}
{%- endmacro %}
