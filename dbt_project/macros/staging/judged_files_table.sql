{#-
    Which files the rows of a staging model were last judged in, so that a build reads those that changed and no other.
    Filled by the materialization `staged`, for models whose files are judged apart.
-#}
{% macro judged_files_table() -%}
    {{ api.Relation.create(database=target.database, schema='staging', identifier='judged_files') }}
{%- endmacro %}
