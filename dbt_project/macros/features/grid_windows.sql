{#-
    The parts of every cell over every window that it is asked for, from dense customer-months.
    in:  a spec; a relation `months` dense in (customer_id, feature_month) with the partial's columns
    out: sum(amount__sum) over w3 as amount__sum__3m, …, then the named windows that they need
    A window of n months ends with feature_month and includes it; `all` reaches back to the first month.
-#}
{% macro grid_windows(spec) %}
    {%- set used = [] %}
    {%- for cell in grid_cells(spec) %}
    {%- for window in cell.windows %}
    {%- if window not in used %}{% do used.append(window) %}{% endif %}
    {%- for part in partial_parts(cell) %}
        {{ of_nothing(part, merge_function(part) ~ '(' ~ cell.column ~ '__' ~ part ~ ') over w' ~ window) }} as {{ cell.column }}__{{ part }}__{{ window_name(window) }},
    {%- endfor %}
    {%- endfor %}
    {%- endfor %}
    from months
    window
    {%- for window in used %}
        w{{ window }} as (
            partition by customer_id
            order by feature_month
            rows between {{ 'unbounded' if window == 'all' else window - 1 }} preceding and current row
        ){{ '' if loop.last else ',' }}
    {%- endfor %}
{% endmacro %}

{#- in: 3 or 'all'. out: 3m or all, the last clause of a feature's name. -#}
{% macro window_name(window) -%}
    {{ window if window == 'all' else window ~ 'm' }}
{%- endmacro %}

{#- in: 3 or 'all'. out: the words of a description. -#}
{% macro window_words(window) -%}
    {{ 'since the first month' if window == 'all' else ('in the month' if window == 1 else 'over ' ~ window ~ ' months') }}
{%- endmacro %}
