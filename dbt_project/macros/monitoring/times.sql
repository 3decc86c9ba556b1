{#-
    in:  the expression of a factor
    out: an expression of it in words: `98.7 times what they were`, or `47 % fewer than expected` below twofold
-#}
{% macro times(factor) -%}
    case
        when {{ factor }} >= 2 then round({{ factor }}, 1) || ' times what was usual'
        when {{ factor }} >= 1 then cast(round(100 * ({{ factor }} - 1)) as integer) || ' % more than usual'
        else cast(round(100 * (1 - {{ factor }})) as integer) || ' % less than usual'
    end
{%- endmacro %}
