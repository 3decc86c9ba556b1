{#-
    The months that a model must build.
    in:  the CTE `versions (feature_month, month_version, …)`; the relation of the model's rows; whether the build is an
         increment (almanac_is_increment)
    out: the CTE `changed`: all of `versions`, or in an increment those that differ from what is built
-#}
{% macro changed_versions(rows, increment) -%}
changed as (
    select versions.* from versions
    {%- if increment %}
    where not exists (
        select 1 from {{ rows }} as built
        where built.feature_month = versions.feature_month and built.month_version = versions.month_version
    )
    {%- endif %}
)
{%- endmacro %}
