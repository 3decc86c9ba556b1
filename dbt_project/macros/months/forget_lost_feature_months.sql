{#-
    Drops the months of a grid family in which its source no longer knows any customer.
    in:  the family's partial
    out: a delete statement, for a post-hook; none where note_unchanged found no such month
-#}
{% macro forget_lost_feature_months(partial) %}
    {%- if not is_unchanged() %}
    delete from {{ vectors_table() }} where feature_month not in (
        with {{ changed_feature_months(partial, almanac_spec(model.name), false) }}

        select feature_month from versions
    )
    {%- endif %}
{% endmacro %}
