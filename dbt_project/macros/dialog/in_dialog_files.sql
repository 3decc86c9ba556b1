{#-
    in:  whether the build is an increment
    out: a condition on `_file` that lets the reader leave files closed in which no month must be projected
-#}
{% macro in_dialog_files(increment) -%}
    {%- set files = ref('int_mbd_dialog_versions') -%}
    {%- if in_lake() -%}
        _file in (select files.file from {{ files }} as files inner join changed on files.feature_month = changed.feature_month)
    {%- elif execute and increment -%}
        {{ in_files(run_query(
            'select distinct file from ' ~ files ~ ' where feature_month in (select feature_month from ' ~ files
            ~ ' group by feature_month having (feature_month, hash(sum(content))) not in (select dialog_month, month_version from ' ~ this ~ '))'
        ).columns[0].values() | list) }}
    {%- else -%}
        true
    {%- endif -%}
{%- endmacro %}
