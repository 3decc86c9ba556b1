{#- out: the lengths in months of the windows in which different cells are counted. -#}
{% macro geo_spans() %}{{ return([3, 6, 12]) }}{% endmacro %}
