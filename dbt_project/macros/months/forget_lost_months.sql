{#-
    Drops the months that no longer have rows to be built from; an increment only replaces months that have some.
    in:  the relation it is built from, the expression of its month
    out: a delete statement, for a post-hook
-#}
{% macro forget_lost_months(relation, month) %}
    delete from {{ built() }} where feature_month not in (select {{ month }} from {{ relation }})
{% endmacro %}

{#-
    Drops the months of a grid family in which its source no longer knows any customer.
    in:  the family's partial
    out: a delete statement, for a post-hook
-#}
{% macro forget_lost_feature_months(partial) %}
    delete from {{ built() }} where feature_month not in (
        with {{ family_spine(partial, spec(model.name).get('source')) }}

        select feature_month from spine
    )
{% endmacro %}
