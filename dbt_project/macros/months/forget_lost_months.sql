{#-
    Drops the months that no longer have rows to be built from; an increment only replaces months that have some.
    in:  the relation it is built from, the expression of its month
    out: a delete statement, for a post-hook
-#}
{% macro forget_lost_months(relation, month) %}
    delete from {{ this }} where feature_month not in (select {{ month }} from {{ relation }})
{% endmacro %}
