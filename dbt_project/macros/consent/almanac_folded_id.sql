{#- An id as refusals are looked up by it: without control characters, and without blanks of any kind around it. in: the id -#}
{% macro almanac_folded_id(id) -%}
    regexp_replace(regexp_replace({{ id }}, '[\p{Cc}\p{Cf}]', '', 'g'), '^[\s\p{Z}]+|[\s\p{Z}]+$', '', 'g')
{%- endmacro %}
