{#- in: a timestamp. out: the first day of its month, as a date. -#}
{% macro month_start(time) -%}
    cast(date_trunc('month', {{ time }}) as date)
{%- endmacro %}
