{#- in: a slice's value, such as 12, -1, true or 'Books & co'. out: how a name spells it: 12, minus_1, true, books_co. -#}
{% macro value_name(value) -%}
    {{ modules.re.sub('[^a-z0-9]+', '_', value | string | lower | replace('-', 'minus_' if value is number else '_')).strip('_') }}
{%- endmacro %}
