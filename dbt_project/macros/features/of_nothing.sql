{#-
    The rule for an empty window: counts of nothing are 0, every other aggregate of nothing is null.
    in:  the name of an aggregation, or of the part of one, and its expression
    out: the expression, with 0 for null where the aggregation counts
-#}
{% macro of_nothing(aggregation, expression) -%}
    {{ 'coalesce(' ~ expression ~ ', 0)' if aggregation in ('count', 'nunique') else expression }}
{%- endmacro %}
