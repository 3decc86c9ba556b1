{#- Drops rows of months that are no longer, or that were built from positions that are no longer. -#}
{% macro forget_lost_geo_months() %}
    delete from {{ this }} where not exists (
        select 1 from ({{ geo_months() }}) as months
        where months.feature_month = {{ this }}.feature_month and months.month_version = {{ this }}.month_version
    )
{% endmacro %}
