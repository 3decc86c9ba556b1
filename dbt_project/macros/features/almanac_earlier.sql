{#- in: a part, a number of months. out: lag(amount__sum__3m, 3) over months_of_customer, of a window's column. -#}
{% macro almanac_earlier(part, column, months) -%}
    {{ almanac_of_month(part, 'lag(' ~ column ~ ', ' ~ months ~ ') over months_of_customer') }}
{%- endmacro %}
