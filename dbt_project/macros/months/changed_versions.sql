{#-
    The months that a model must build. What stands before the mark reads nothing but facts of the whole: a lake finds out
    by it, before any bucket works, which months are due.
    in:  the CTE `versions (feature_month, month_version, …)`; the relation of the model's rows; whether the build is an
         increment (almanac_is_increment); the column of the rows that is the month
    out: the CTE `changed`: all of `versions`, or in an increment those that differ from what is built
-#}
{% macro changed_versions(rows, increment, month='feature_month') -%}
changed as (
    select versions.* from versions
    {%- if increment %}
    where not exists (
        select 1 from {{ rows }} as built
        where built.{{ month }} = versions.feature_month and built.month_version = versions.month_version
    )
    {%- endif %}
) /* months to be built */
{%- endmacro %}
