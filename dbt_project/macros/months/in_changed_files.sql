{#-
    in:  the model of event files, the SQL of the partial's columns, whether the build is an increment
    out: a condition on `_file`: the files that hold months to be built again
-#}
{% macro in_changed_files(files, columns, increment) -%}
    {%- if in_lake() -%}
        _file in (select files.file from {{ ref(files) }} as files inner join changed on files.feature_month = changed.feature_month)
    {%- elif not (execute and increment) -%}
        true
    {%- else -%}
        {{ in_files(run_query(
            'with ' ~ changed_months(ref(files), columns, increment)
            ~ ' select distinct files.file from ' ~ ref(files) ~ ' as files inner join changed using (feature_month)'
        ).columns[0].values() | list) }}
    {%- endif -%}
{%- endmacro %}
