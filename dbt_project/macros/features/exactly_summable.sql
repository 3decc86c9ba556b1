{#-
    in:  a number
    out: the nearest multiple of 2^-20, about a millionth. While sums of such stay below 2^33, or the numbers are whole, they need
         no rounding, so that they are the same in whatever order the rows come: a full refresh gives the same months as
         increments, and two machines the same as one, to the last bit.
-#}
{% macro exactly_summable(number) -%}
    round(({{ number }}) * 1048576) / 1048576
{%- endmacro %}
