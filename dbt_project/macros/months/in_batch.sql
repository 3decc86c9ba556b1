{#- in: a time of events. out: whether it lies in the batch of months being built; true where there is but one batch. -#}
{% macro in_batch(time) -%}
    {{ time }} >= coalesce(getvariable('batch_start'), timestamp '-infinity') and {{ time }} < coalesce(getvariable('batch_end'), timestamp 'infinity')
{%- endmacro %}
