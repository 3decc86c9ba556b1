{#-
    The population stability index: the sum over bins of (share - reference's share) * ln(share / reference's share).
    in:  two columns of bigint[] with the rows of each bin, none of them without any row
    out: an expression; a share is at least 0.0001, so that an empty bin leaves the index finite
-#}
{% macro almanac_psi(bins, reference_bins) -%}
    list_sum(list_transform(
        list_zip({{ bins }}, {{ reference_bins }}),
        lambda pair: (greatest(pair[1] / list_sum({{ bins }}), 0.0001) - greatest(pair[2] / list_sum({{ reference_bins }}), 0.0001))
            * ln(greatest(pair[1] / list_sum({{ bins }}), 0.0001) / greatest(pair[2] / list_sum({{ reference_bins }}), 0.0001))
    ))
{%- endmacro %}
