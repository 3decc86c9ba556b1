{#-
    The Jensen-Shannon distance, 0 to 1: the root of the divergence in bits, as scipy.spatial.distance.jensenshannon(…, base=2).
    in:  two columns of bigint[] with the rows of each bin
    out: an expression
-#}
{% macro almanac_jensen_shannon(bins, reference_bins) -%}
    sqrt(greatest(list_sum(list_transform(
        list_zip({{ bins }}, {{ reference_bins }}),
        lambda pair:
            case when pair[1] > 0 then pair[1] / list_sum({{ bins }}) * log2(2 * (pair[1] / list_sum({{ bins }})) / (pair[1] / list_sum({{ bins }}) + pair[2] / list_sum({{ reference_bins }}))) else 0 end
            + case when pair[2] > 0 then pair[2] / list_sum({{ reference_bins }}) * log2(2 * (pair[2] / list_sum({{ reference_bins }})) / (pair[1] / list_sum({{ bins }}) + pair[2] / list_sum({{ reference_bins }}))) else 0 end
    )) / 2, 0))
{%- endmacro %}
