{#-
    in:  what partitions the rows, a list of expressions; the value that ranks them
    out: an expression: a row's rank by that value from 1; rows of one value share the middle of their ranks
-#}
{% macro middle_rank(by, value='score') -%}
    rank() over (partition by {{ by }} order by {{ value }}) + (count(*) over (partition by {{ by }}, {{ value }}) - 1) / 2
{%- endmacro %}
