{#-
    A family's features as columns of a select.
    in:  its features, of almanac_features
    out: cast(<sql> as double) as <name>, …
-#}
{% macro feature_columns(features) %}
    {%- for feature in features %}
    cast({{ feature.sql }} as double) as {{ feature.name }},
    {%- endfor %}
{% endmacro %}
