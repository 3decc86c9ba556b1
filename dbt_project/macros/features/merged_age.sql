{#-
    A part's age over a window: the sum over its months of value times months ago. With the sum it gives the trend.
    in:  a part, 3, 6
    out: the age over 3 months, plus that of the 3 before them, each of these 3 months older
-#}
{% macro merged_age(part, below, length) -%}
    {%- set window, age = part.name ~ '__' ~ window_name(below), part.name ~ '__aged_' ~ window_name(below) -%}
    {%- set terms = [age] -%}
    {%- for months in range(below, length, below) -%}
        {%- do terms.append(almanac_earlier(part, age, months) ~ ' + ' ~ months ~ ' * ' ~ almanac_earlier(part, window, months)) -%}
    {%- endfor -%}
    {{ terms | join(' + ') }}
{%- endmacro %}
