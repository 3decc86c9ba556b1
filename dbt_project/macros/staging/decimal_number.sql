{#- in: the text of a number with a decimal point or comma. out: a double, null where it is neither. -#}
{% macro decimal_number(text) -%}
    try_cast(replace(trim({{ text }}), ',', '.') as double)
{%- endmacro %}
