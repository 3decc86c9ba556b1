{#-
    Notes for the connection that a grid family's months are all as built, so that its build can be left out.
    in:  the family's partial
    out: a statement, for a pre-hook, that sets the variable `unchanged` to the model's name where no month differs from what is
         built and none is lost; where the family is built from nothing, and in any other case, to null
-#}
{% macro note_unchanged(partial) %}
    {%- set spec = almanac_spec(model.name) -%}
    {%- if not almanac_is_increment(vectors_table(), family_layout(spec)) %}
    set variable unchanged = null
    {%- else %}
    set variable unchanged = (
        with {{ family_spine(partial, spec.get('source')) }},

        {{ changed_feature_months(spec, true) }},

        different as (
            select feature_month from changed
            union all
            select feature_month from {{ vectors_table() }}
            where feature_month not in (select feature_month from versions)
        )

        select case when count(*) = 0 then '{{ model.name }}' end from different
    )
    {%- endif %}
{% endmacro %}
