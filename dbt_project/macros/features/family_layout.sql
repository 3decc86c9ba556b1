{#-
    The columns of a family beside its keys, time and version.
    in:  its spec
    out: the names of its features, in order
-#}
{% macro family_layout(spec) %}
    {{ return(almanac_features(spec) | map(attribute='name') | list) }}
{% endmacro %}
