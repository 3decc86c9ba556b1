{#-
    The columns of a customer-month partial: what must be kept of a month so that any window can be made from months.
    in:  a spec (see grid_cells); `expression` of a measure over one event, or none to count events
    out: sum(amount) filter (where event_type = 1) as amount__event_type_1__sum, …
-#}
{% macro partial_columns(spec) %}
    {%- for cell in grid_cells(spec) %}
    {%- set where = '' if cell.slice.condition == 'true' else ' filter (where ' ~ cell.slice.condition ~ ')' %}
    {%- for part in partial_parts(cell) %}
    {{ partial_expression(part, cell.expression) }}{{ where }} as {{ cell.column }}__{{ part }},
    {%- endfor %}
    {%- endfor %}
{% endmacro %}

{#- in: a cell with aggregations ['mean', 'std']. out: the parts these need, each once: ['sum', 'count', 'squares']. -#}
{% macro partial_parts(cell) %}
    {% set needs = {
        'sum': ['sum'], 'share': ['sum'], 'mean': ['sum', 'count'], 'std': ['sum', 'count', 'squares'], 'min': ['min'],
        'max': ['max'], 'count': ['count'], 'nunique': ['nunique'], 'days_since': [cell.edge ~ '_time'],
    } %}
    {% set parts = [] %}
    {% for aggregation in cell.aggregations %}
        {% for part in needs[aggregation] if part not in parts %}
            {% do parts.append(part) %}
        {% endfor %}
    {% endfor %}
    {{ return(parts) }}
{% endmacro %}

{#- in: a part's name and a measure's expression. out: the aggregate over a month's events that makes it. -#}
{% macro partial_expression(part, expression) -%}
    {%- set expressions = {
        'sum': 'sum(' ~ expression ~ ')',
        'squares': 'sum(' ~ expression ~ ' * ' ~ expression ~ ')',
        'count': 'count(' ~ (expression or '*') ~ ')',
        'min': 'min(' ~ expression ~ ')',
        'max': 'max(' ~ expression ~ ')',
        'nunique': 'count(distinct ' ~ expression ~ ')',
        'last_time': 'max(event_time)',
        'first_time': 'min(event_time)',
    } -%}
    {{ expressions[part] }}
{%- endmacro %}

{#- in: a part's name. out: the aggregate that makes a window's part from its months' parts. -#}
{% macro merge_function(part) -%}
    {{ {'min': 'min', 'first_time': 'min', 'max': 'max', 'last_time': 'max'}.get(part, 'sum') }}
{%- endmacro %}
