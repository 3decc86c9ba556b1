{#- in: a select of files with stamps. out: a condition on `_file`: those that this model has not read yet. -#}
{% macro in_new_files(stamps) -%}
    {%- set known = '(file, stamp) not in (select file, stamp from ' ~ this ~ ')' -%}
    {%- if in_lake() -%}
        _file in (select file from stamps where {{ known }})
    {%- elif execute and is_incremental() -%}
        {{ in_files(run_query('select file from (' ~ stamps ~ ') where ' ~ known).columns[0].values() | list) }}
    {%- else -%}
        true
    {%- endif -%}
{%- endmacro %}
