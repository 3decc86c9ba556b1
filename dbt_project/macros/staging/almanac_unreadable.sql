{#- Whether a text is there but is not a number. in: the text's column. out: a boolean. -#}
{% macro almanac_unreadable(text) -%}
    (trim({{ text }}) <> '' and {{ decimal_number(text) }} is null)
{%- endmacro %}
