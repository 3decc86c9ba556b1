{#-
    The first instant at which a month's row could be known: the first day of the next month, plus the source's lag.
    in:  known_at('feature_month', 'mbd')
    out: the timestamp (UTC) of 2022-02-01 00:00 for 2022-01-01, later by `mbd.availability_lag_days`
-#}
{% macro known_at(month, source_name) -%}
    cast({{ month }} + interval 1 month + to_days(cast({{ almanac_setting(source_name ~ '.availability_lag_days') }} as integer)) as timestamp)
{%- endmacro %}
