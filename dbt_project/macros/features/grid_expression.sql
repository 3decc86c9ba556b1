{#- in: a cell, an aggregation, 3. out: the statistic made from the window's parts. -#}
{% macro grid_expression(cell, aggregation, window) -%}
    {%- set suffix = '__' ~ window_name(window) -%}
    {%- set count = cell.counted ~ cell.slice.name ~ '__count' -%}
    {%- set main = cell.column ~ '__sum' if cell.expression else count -%}
    {%- set whole = cell.measure ~ '__sum' if cell.expression else cell.counted ~ '__count' -%}
    {%- if aggregation == 'mean' -%}
        {{ main ~ suffix }} / nullif({{ count ~ suffix }}, 0)
    {%- elif aggregation == 'std' -%}
        sqrt(greatest(0, {{ cell.column }}__squares{{ suffix }} - {{ main ~ suffix }} * {{ main ~ suffix }} / nullif({{ count ~ suffix }}, 0)) / nullif(greatest({{ count ~ suffix }} - 1, 0), 0))
    {%- elif aggregation == 'share' -%}
        {{ main ~ suffix }} / nullif({{ whole ~ suffix }}, 0)
    {%- elif aggregation == 'count' -%}
        {{ count ~ suffix }}
    {%- elif aggregation == 'trend' -%}
        ({{ (window - 1) / 2 }} * {{ main ~ suffix }} - {{ main }}__aged_{{ window_name(window) }}) / {{ window * (window * window - 1) / 12 }}
    {%- elif aggregation == 'days_since' -%}
        date_diff('day', cast({{ cell.column }}__{{ cell.edge }}_time{{ suffix }} as date), cast(feature_month + interval 1 month as date))
    {%- else -%}
        {{ cell.column }}__{{ aggregation ~ suffix }}
    {%- endif -%}
{%- endmacro %}
