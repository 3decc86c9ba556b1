{#-
    A part over a window, from windows of a divisor of its length, one after the other.
    in:  a part, 3, 6
    out: amount__sum__3m + coalesce(lag(amount__sum__3m, 3) over months_of_customer, 0)
-#}
{% macro merged_window(part, below, length) -%}
    {%- set column = part.name ~ '__' ~ window_name(below) -%}
    {%- set terms = [column] -%}
    {%- for months in range(below, length, below) -%}
        {%- do terms.append(almanac_earlier(part, column, months)) -%}
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
