{#- in: 3 or 'all'. out: 3m or all, the last clause of a feature's name. -#}
{% macro window_name(window) -%}
    {{ window if window == 'all' else window ~ 'm' }}
{%- endmacro %}
