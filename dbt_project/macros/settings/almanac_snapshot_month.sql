{#- The month that an undated source describes, from the workspace's settings, as a date. -#}
{% macro almanac_snapshot_month(source_name) -%}
    cast(date_trunc('month', cast({{ almanac_setting(source_name ~ '.snapshot_month') }} as date)) as date)
{%- endmacro %}
