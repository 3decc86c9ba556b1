{#- in: a part. out: the month's value of it, 0 for nothing where months are added up. -#}
{% macro almanac_of_month(part, expression) -%}
    {{ 'coalesce(' ~ expression ~ ', 0)' if part.part in ('sum', 'count', 'squares', 'nunique') else expression }}
{%- endmacro %}
