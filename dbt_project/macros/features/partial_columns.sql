{#-
    The columns of a customer-month partial: every part that one of its families asks for, each once.
    in:  specs; `expression` of a measure over one event, or none to count events
    out: sum(round((amount) * 1048576) / 1048576 * cast((event_type = 1) as double)) as amount__event_type_1__sum, …
    No FILTER around the aggregates: it selects rows for each of hundreds of columns and is many times slower.
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
