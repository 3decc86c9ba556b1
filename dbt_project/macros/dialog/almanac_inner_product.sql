{#- in: two lists of numbers of one length. out: the sum of their products, in double precision. -#}
{% macro almanac_inner_product(left, right) -%}
    list_inner_product(cast({{ left }} as double[]), {{ right }})
{%- endmacro %}
