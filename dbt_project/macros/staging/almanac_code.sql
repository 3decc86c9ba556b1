{#-
    A Russian value of one_click in English, through the seed `one_click_codes`; null where the seed lacks it. Case, blanks
    around it and a full stop behind it do not matter.
    in:  the kind of code, the column
    out: (select value from seeds.one_click_codes where kind = 'service' and lower(code) = <the column, folded>)
-#}
{% macro almanac_code(kind, column) -%}
    (select codes.value from {{ ref('one_click_codes') }} as codes where codes.kind = '{{ kind }}' and lower(codes.code) = {{ folded_code(column) }})
{%- endmacro %}
