{#-
    Which months of dialogues must be projected: those whose dialogues or fit are not the ones they were projected from.
    in:  nothing; reads int_mbd_dialog_versions
    out: a select of dialog_month, dialog_version, month_version
-#}
{% macro due_dialog_months() -%}
    select
        feature_month as dialog_month,
        any_value(dialog_version) as dialog_version,
        hash(sum(content)) as month_version,
    from {{ ref('int_mbd_dialog_versions') }}
    group by feature_month
    {%- if is_incremental() %}
    having (feature_month, month_version) not in (select dialog_month, month_version from {{ this }})
    {%- endif %}
{%- endmacro %}

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
