{#-
    The columns of a customer-month partial: every part that one of its families asks for, each once.
    in:  specs; `expression` of a measure over one event, or none to count events
    out: sum(case when event_type = 1 then amount else 0 end) as amount__event_type_1__sum, …
    CASE inside the aggregate, not FILTER around it: FILTER selects rows for each of hundreds of columns and is four times
    slower.
-#}
{% macro partial_columns(specs) %}
    {%- set found = {} %}
    {%- for spec in specs %}
    {%- for part in grid_parts(spec) %}
    {%- do refuse_two_meanings(found.setdefault(part.name, part), part) %}
    {%- endfor %}
    {%- endfor %}
    {%- for part in found.values() %}
    {{ partial_expression(part) }} as {{ part.name }},
    {%- endfor %}
{% endmacro %}

{#- in: a part. out: the aggregate over a month's events that makes it. Of two last events the larger value is the last. -#}
{% macro partial_expression(part) -%}
    {%- set value, sliced = part.expression, part.condition != 'true' -%}
    {%- set known = [part.condition] if sliced else [] -%}
    {%- if part.part == 'count' -%}
        {%- do known.append('(' ~ value ~ ') is not null') if value -%}
        cast({{ 'count(*)' if not known else 'sum(case when (' ~ known | join(') and (') ~ ') then 1e0 else 0e0 end)' }} as integer)
    {%- elif part.part in ('sum', 'squares') -%}
        {%- set term = value if part.part == 'sum' else '(' ~ value ~ ') * (' ~ value ~ ')' -%}
        sum({{ 'case when ' ~ part.condition ~ ' then ' ~ term ~ ' else 0 end' if sliced else term }})
    {%- else -%}
        {%- set templates = {
            'min': 'min(§)', 'max': 'max(§)', 'nunique': 'cast(count(distinct §) as integer)',
            'last': 'arg_max(§, row(event_time, §))', 'last_time': 'max(§)', 'first_time': 'min(§)',
        } -%}
        {%- set term = 'event_time' if part.part.endswith('_time') else value -%}
        {{ templates[part.part] | replace('§', 'case when ' ~ part.condition ~ ' then ' ~ term ~ ' end' if sliced else term) }}
    {%- endif -%}
{%- endmacro %}
