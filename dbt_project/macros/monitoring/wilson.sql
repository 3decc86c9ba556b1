{#-
    An end of the 95 % interval of a share, by Wilson (1927); it is never outside 0 and 1, nor of no width at 0 or 1.
    in:  the expressions of the number of hits and of trials; '-' for the lower end, '+' for the upper
    out: an expression; null without trials
-#}
{% macro wilson(hits, trials, sign) -%}
    (
        ({{ hits }}) + 1.96 * 1.96 / 2
        {{ sign }} 1.96 * sqrt(({{ hits }}) * (1 - ({{ hits }}) / nullif({{ trials }}, 0)) + 1.96 * 1.96 / 4)
    ) / nullif(({{ trials }}) + 1.96 * 1.96, 0)
{%- endmacro %}
