{#- Drops rows of months that are no longer, or that were built from positions that are no longer. -#}
{% macro forget_lost_geo_months() %}
    delete from {{ this }}
    where (feature_month, month_version) not in (select feature_month, month_version from {{ ref('int_mbd_geo_versions') }})
{% endmacro %}
