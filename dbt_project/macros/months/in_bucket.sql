{#- in: a customer. out: whether it is in the bucket being built; true where there is but one. -#}
{% macro in_bucket(customer) -%}
    hash({{ customer }}) % coalesce(getvariable('buckets'), 1) = coalesce(getvariable('bucket'), 0)
{%- endmacro %}
