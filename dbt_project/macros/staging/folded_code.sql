{#- A code as it is compared: in lower case, without blanks around it (of any kind) and full stops behind it. in: the column -#}
{% macro folded_code(column) -%}
    lower(regexp_replace({{ column }}, '^[\s\p{Z}]+|[\s\p{Z}.]+$', '', 'g'))
{%- endmacro %}
