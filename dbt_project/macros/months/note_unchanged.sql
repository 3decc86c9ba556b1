{#-
    Notes for the connection that a grid family's months are all as built, so that its build can be left out.
    in:  the family's partial, its spec, whether the build is an increment (almanac_is_increment)
    Does: sets the variable `unchanged` to the model's name where no month differs from what is built and none is lost, and
          else to null. A command that builds nothing leaves it alone.
-#}
{% macro note_unchanged(partial, spec, increment) %}
    {%- if execute and flags.WHICH in ('build', 'run') %}
    {%- set question %}
        with {{ changed_feature_months(partial, spec, true) }},

        different as (
            select feature_month from changed
            union all
            select feature_month from {{ vectors_table() }}
            where feature_month not in (select feature_month from versions)
        )

        select case when count(*) = 0 then '{{ model.name }}' end from different
    {% endset -%}
    {%- do run_query('set variable unchanged = ' ~ ('(' ~ question ~ ')' if increment else 'null')) %}
    {%- endif %}
{% endmacro %}
