{#- in: a part. out: the month's value of it, 0 for nothing where months are added up. -#}
{% macro of_month(part, expression) -%}
    {{ 'coalesce(' ~ expression ~ ', 0)' if part.part in ('sum', 'count', 'squares', 'nunique') else expression }}
{%- endmacro %}

{#- in: a part, a number of months. out: lag(amount__sum__3m, 3) over months_of_customer, of a window's column. -#}
{% macro earlier(part, column, months) -%}
    {{ of_month(part, 'lag(' ~ column ~ ', ' ~ months ~ ') over months_of_customer') }}
{%- endmacro %}

{#-
    A part over a window, from windows of a divisor of its length, one after the other.
    in:  a part, 3, 6
    out: amount__sum__3m + coalesce(lag(amount__sum__3m, 3) over months_of_customer, 0)
-#}
{% macro merged_window(part, below, length) -%}
    {%- set column = part.name ~ '__' ~ window_name(below) -%}
    {%- set terms = [column] -%}
    {%- for months in range(below, length, below) -%}
        {%- do terms.append(earlier(part, column, months)) -%}
    {%- endfor -%}
    {%- if part.part in ('min', 'first_time') -%}
        least({{ terms | join(', ') }})
    {%- elif part.part in ('max', 'last_time') -%}
        greatest({{ terms | join(', ') }})
    {%- elif part.part == 'last' -%}
        coalesce({{ terms | join(', ') }})
    {%- else -%}
        {{ terms | join(' + ') }}
    {%- endif -%}
{%- endmacro %}

{#-
    A part's age over a window: the sum over its months of value times months ago. With the sum it gives the trend.
    in:  a part, 3, 6
    out: the age over 3 months, plus that of the 3 before them, each of these 3 months older
-#}
{% macro merged_age(part, below, length) -%}
    {%- set window, age = part.name ~ '__' ~ window_name(below), part.name ~ '__aged_' ~ window_name(below) -%}
    {%- set terms = [age] -%}
    {%- for months in range(below, length, below) -%}
        {%- do terms.append(earlier(part, age, months) ~ ' + ' ~ months ~ ' * ' ~ earlier(part, window, months)) -%}
    {%- endfor -%}
    {{ terms | join(' + ') }}
{%- endmacro %}

{#- in: a part. out: it over all months up to the row's, of the columns of one month. -#}
{% macro merged_ever(part) -%}
    {%- set functions = {'min': 'min', 'first_time': 'min', 'max': 'max', 'last_time': 'max'} -%}
    {%- if part.part == 'last' -%}
        last_value({{ part.name }} ignore nulls) over to_now
    {%- else -%}
        {{ of_month(part, functions.get(part.part, 'sum') ~ '(' ~ part.name ~ ') over to_now') }}
    {%- endif -%}
{%- endmacro %}
