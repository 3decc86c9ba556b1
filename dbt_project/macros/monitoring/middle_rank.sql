{#-
    in:  what partitions the rows, a list of expressions
    out: an expression: a row's rank by score from 1; rows of one score share the middle of their ranks
-#}
{% macro middle_rank(by) -%}
    rank() over (partition by {{ by }} order by score) + (count(*) over (partition by {{ by }}, score) - 1) / 2
{%- endmacro %}
