{#- in: the parts of a grid. out: how many months before its own a row looks back on, windows and single months. -#}
{% macro months_back(parts) -%}
    {%- set reach = [0] -%}
    {%- for part in parts -%}
        {%- do reach.append(part.longest - 1) -%}
        {%- do reach.extend(part.lags) -%}
    {%- endfor -%}
    {{ reach | max }}
{%- endmacro %}
