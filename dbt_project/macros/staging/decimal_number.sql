{#- in: the text of a number with a decimal point or comma. out: a finite double, null where it is none. -#}
{% macro decimal_number(text) -%}
    {%- set number = "try_cast(replace(trim(" ~ text ~ "), ',', '.') as double)" -%}
    case when isfinite({{ number }}) then {{ number }} end
{%- endmacro %}
