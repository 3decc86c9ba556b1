{#- out: an expression of the probability, kept from 0 and 1 so that its logarithms are finite -#}
{% macro clipped(probability) -%}
    least(greatest({{ probability }}, 1e-15), 1 - 1e-15)
{%- endmacro %}
