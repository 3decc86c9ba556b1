{#-
    How many months a feature's window reaches back, its own month included: 12 of `3m_over_12m`, 13 of `same_month_last_year`.
    in:  the expression of the window's name
    out: an expression; null where it looks back on all history
-#}
{% macro window_reach(time_window) -%}
    case
        when {{ time_window }} like '%same_month_last_year' then 13
        when {{ time_window }} like '%previous_month' then 2
        else list_max(list_transform(regexp_extract_all({{ time_window }}, '(\d+)m', 1), lambda months: cast(months as integer)))
    end
{%- endmacro %}
