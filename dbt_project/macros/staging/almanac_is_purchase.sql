{#- Whether a row of the company's own transactions is bought and not given back: no cancellation, and no amount below zero. out: a boolean -#}
{% macro almanac_is_purchase() -%}
    (not is_cancellation and amount >= 0)
{%- endmacro %}
