{#-
    What was measured of each feature when its family was last built. Families fill it, each its own rows, in a
    post-hook (measure_features); `marts.dim_features` reads it.
-#}
{% macro feature_statistics_table() -%}
    {{ api.Relation.create(database=target.database, schema='intermediate', identifier='feature_statistics') }}
{%- endmacro %}
