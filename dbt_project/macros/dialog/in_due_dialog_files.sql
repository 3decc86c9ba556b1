{#- out: a condition on `_file` that lets the reader leave files closed in which no month is due. -#}
{% macro in_due_dialog_files() -%}
    {%- if execute and is_incremental() -%}
        {{ in_files(run_query(
            'select distinct file from ' ~ ref('int_mbd_dialog_versions')
            ~ ' where feature_month in (select dialog_month from (' ~ due_dialog_months() ~ '))'
        ).columns[0].values() | list) }}
    {%- else -%}
        true
    {%- endif -%}
{%- endmacro %}
