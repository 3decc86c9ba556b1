{#- Whether a value is there but the seed `one_click_codes` lacks it. in: the kind of code, the column. out: a boolean. -#}
{% macro almanac_unknown_code(kind, column) -%}
    ({{ folded_code(column) }} <> '' and {{ almanac_code(kind, column) }} is null)
{%- endmacro %}
