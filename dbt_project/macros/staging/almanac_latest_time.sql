{#- A day after the last instant that a source's files could know: the day allows for clocks of any time zone. out: a timestamp -#}
{% macro almanac_latest_time(source_name, table_name) -%}
    (select max(files.knows_until) + interval 1 day from {{ source('workspace', 'files') }} as files where files.source = '{{ source_name }}' and files.table_name = '{{ table_name }}')
{%- endmacro %}
