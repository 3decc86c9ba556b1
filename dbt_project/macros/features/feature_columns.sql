{#-
    A family's features as columns of a select.
    in:  its features, of almanac_features
    out: cast(<sql> as double) as <name>, …; their words are noted as those of the model's columns
-#}
{% macro feature_columns(features) %}
    {%- do describe_columns(features) %}
    {%- for feature in features %}
    cast({{ feature.sql }} as double) as {{ feature.name }},
    {%- endfor %}
{% endmacro %}
