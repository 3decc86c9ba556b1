{#- in: a spec. out: how many months before its own a row looks back on, windows and single months. -#}
{% macro months_back(spec) -%}
    {%- set reach = [0] -%}
    {%- for part in grid_parts(spec) -%}
        {%- do reach.append(part.longest - 1) -%}
        {%- do reach.extend(part.lags) -%}
    {%- endfor -%}
    {{ reach | max }}
{%- endmacro %}
