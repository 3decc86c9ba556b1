{#- in: 3 or 'all'. out: the words of a description. -#}
{% macro window_words(window) -%}
    {{ 'since the first month' if window == 'all' else ('in the month' if window == 1 else 'over ' ~ window ~ ' months') }}
{%- endmacro %}
