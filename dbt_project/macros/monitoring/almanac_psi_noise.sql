{#-
    What the population stability index of two samples of one population exceeds once in 100,000 times.
    The index is about chi-square of (filled bins - 1) degrees of freedom, times 1/n + 1/m.
    in:  two columns of bigint[] with the rows of each of eleven bins, the number of independent rows in each
    out: an expression; 0 where one bin has all rows
-#}
{% macro almanac_psi_noise(bins, reference_bins, rows, reference_rows) -%}
    [0, 19.511, 23.026, 25.902, 28.473, 30.856, 33.107, 35.259, 37.332, 39.341, 41.296][
        greatest(len(list_filter(list_zip({{ bins }}, {{ reference_bins }}), lambda pair: pair[1] + pair[2] > 0)), 1)
    ] * (1 / {{ rows }} + 1 / {{ reference_rows }})
{%- endmacro %}
