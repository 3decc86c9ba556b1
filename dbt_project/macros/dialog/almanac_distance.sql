{#- in: two points as lists. out: their distance. -#}
{% macro almanac_distance(left, right) -%}
    list_distance({{ left }}, {{ right }})
{%- endmacro %}
