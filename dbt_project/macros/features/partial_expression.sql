{#-
    in:  a part
    out: the aggregate over a month's events that makes it; of two last events the larger value is the last
    Sums and counts multiply by a condition's 0 or 1: that is half the work of CASE. Measures are finite. Sums are those of
    multiples of 2^-20, exact in any order (exactly_summable); their squares are added as whole numbers of 2^-40, those of values
    beyond a million millions as if they were these.
-#}
{% macro partial_expression(part) -%}
    {%- set value, sliced = part.expression, part.condition != 'true' -%}
    {%- set known = [part.condition] if sliced else [] -%}
    {%- if part.part == 'count' -%}
        {%- do known.append('(' ~ value ~ ') is not null') if value -%}
        cast({{ 'sum(cast((' ~ known | join(') and (') ~ ') as double))' if known else 'count(*)' }} as integer)
    {%- elif part.part == 'sum' -%}
        {%- set term = exactly_summable(value) -%}
        sum({{ term ~ ' * cast((' ~ part.condition ~ ') as double)' if sliced else term }})
    {%- elif part.part == 'squares' -%}
        {%- set parts = 'cast(round(case when abs(' ~ value ~ ') < 1e12 then ' ~ value ~ ' else sign(' ~ value ~ ') * 1e12 end * 1048576) as hugeint)' -%}
        {%- set term = parts ~ ' * ' ~ parts -%}
        cast(sum({{ term ~ ' * cast((' ~ part.condition ~ ') as integer)' if sliced else term }}) as double) / 1099511627776
    {%- else -%}
        {%- set templates = {
            'min': 'min(§)', 'max': 'max(§)', 'nunique': 'cast(len(list_distinct(list(§))) as integer)',
            'last': 'arg_max(§, row(event_time, §))', 'last_time': 'max(§)', 'first_time': 'min(§)',
        } -%}
        {%- set term = 'event_time' if part.part.endswith('_time') else value -%}
        {{ templates[part.part] | replace('§', 'case when ' ~ part.condition ~ ' then ' ~ term ~ ' end' if sliced else term) }}
    {%- endif -%}
{%- endmacro %}
