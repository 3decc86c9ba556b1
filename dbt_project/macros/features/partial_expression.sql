{#-
    in:  a part
    out: the aggregate over a month's events that makes it; of two last events the larger value is the last
    Sums and counts multiply by a condition's 0 or 1: that is half the work of CASE. Measures are finite.
-#}
{% macro partial_expression(part) -%}
    {%- set value, sliced = part.expression, part.condition != 'true' -%}
    {%- set known = [part.condition] if sliced else [] -%}
    {%- if part.part == 'count' -%}
        {%- do known.append('(' ~ value ~ ') is not null') if value -%}
        cast({{ 'sum(cast((' ~ known | join(') and (') ~ ') as double))' if known else 'count(*)' }} as integer)
    {%- elif part.part in ('sum', 'squares') -%}
        {%- set term = '(' ~ value ~ ')' if part.part == 'sum' else '(' ~ value ~ ') * (' ~ value ~ ')' -%}
        sum({{ term ~ ' * cast((' ~ part.condition ~ ') as double)' if sliced else term }})
    {%- else -%}
        {%- set templates = {
            'min': 'min(§)', 'max': 'max(§)', 'nunique': 'cast(len(list_distinct(list(§))) as integer)',
            'last': 'arg_max(§, row(event_time, §))', 'last_time': 'max(§)', 'first_time': 'min(§)',
        } -%}
        {%- set term = 'event_time' if part.part.endswith('_time') else value -%}
        {{ templates[part.part] | replace('§', 'case when ' ~ part.condition ~ ' then ' ~ term ~ ' end' if sliced else term) }}
    {%- endif -%}
{%- endmacro %}
