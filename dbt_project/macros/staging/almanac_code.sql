{#-
    A Russian value of one_click in English, through the seed `one_click_codes`; null where the seed lacks it.
    in:  the kind of code, the column
    out: (select value from seeds.one_click_codes where kind = 'service' and code = trim(column))
-#}
{% macro almanac_code(kind, column) -%}
    (select codes.value from {{ ref('one_click_codes') }} as codes where codes.kind = '{{ kind }}' and codes.code = trim({{ column }}))
{%- endmacro %}
