{#- in: a part. out: it over all months up to the row's, of the columns of one month. -#}
{% macro merged_ever(part) -%}
    {%- set functions = {'min': 'min', 'first_time': 'min', 'max': 'max', 'last_time': 'max'} -%}
    {%- if part.part == 'last' -%}
        last_value({{ part.name }} ignore nulls) over to_now
    {%- else -%}
        {{ almanac_of_month(part, functions.get(part.part, 'sum') ~ '(' ~ part.name ~ ') over to_now') }}
    {%- endif -%}
{%- endmacro %}
