{#-
    in:  a number below eight thousand million
    out: the nearest multiple of 2^-20, about a millionth. Their sums need no rounding, so that they are the same in
         whatever order the rows come: a full refresh gives the same months as increments, to the last bit.
-#}
{% macro exactly_summable(number) -%}
    round(({{ number }}) * 1048576) / 1048576
{%- endmacro %}
