{#-
    A family's features as columns of a select.
    in:  a spec
    out: cast(<sql> as double) as <name>, …
-#}
{% macro feature_columns(spec) %}
    {%- for feature in almanac_features(spec) %}
    cast({{ feature.sql }} as double) as {{ feature.name }},
    {%- endfor %}
{% endmacro %}
