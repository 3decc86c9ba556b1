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
