{#-
    An end of the 95 % interval of an average precision, on the logit scale (Boyd, Eng and Page, 2013).
    in:  the expressions of the average precision and of the number of positives; '-' for the lower end, '+' for the upper
    out: an expression; null where the average precision is 0 or 1 or there are no positives
-#}
{% macro logit_interval(precision, positives, sign) -%}
    case
        when {{ precision }} > 0 and {{ precision }} < 1 and {{ positives }} > 0
            then 1 / (1 + exp(-(ln({{ precision }} / (1 - {{ precision }})) {{ sign }} 1.96 / sqrt({{ positives }} * {{ precision }} * (1 - {{ precision }})))))
    end
{%- endmacro %}
