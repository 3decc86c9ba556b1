{#-
    Measures every feature of a family in one month, beside its reference.
    Each side is a sample: customer-months of the lowest MD5 of customer and month, about so many as asked for. All measures
    come from one ladder of values a feature: how many rows of either side are at or below each value.
    in:  the relation of rows; the expression of a row's values as a list, null or NaN where one is missing; their number; the month;
         the reference's first and last month; the rows asked for of each side
    out: a select of one row a feature: position and the columns of feature_months_table() from `rows` on
    Bins end with the deciles of the reference, each inclusive; missing values are the eleventh. Wasserstein's distance is in
    units of the reference's standard deviation.
-#}
{% macro measured_month(relation, row_values, features, month, reference_from, reference_until, asked) -%}
{%- set sides = [
    ('month', "feature_month = date '" ~ month ~ "'"),
    ('reference', "feature_month between date '" ~ reference_from ~ "' and date '" ~ reference_until ~ "'"),
] -%}
with
{%- for side, condition in sides %}
{{ side }}_share as (
    select {{ asked }} / count(*) as share from {{ relation }} where {{ condition }}
),

{{ side }}_rows as (
    select
        customer_id,
        {{ row_values }} as row_values,
    from {{ relation }}
    where
        {{ condition }}
        and md5_number_lower(customer_id || '|' || cast(feature_month as date)) <= (select share from {{ side }}_share) * 18446744073709551615.0
),
{% endfor %}
sizes as (
    select
        (select count(*) from month_rows) as rows,
        (select count(*) from reference_rows) as reference_rows,
        (select count(distinct customer_id) from reference_rows) as reference_customers,
),

cells as (
    select unnest(row_values) as value, unnest(range(1, {{ features + 1 }})) as position, 1 as here, 0 as there from month_rows
    union all
    select unnest(row_values) as value, unnest(range(1, {{ features + 1 }})) as position, 0 as here, 1 as there from reference_rows
),

rungs as (
    select
        position,
        cast(value as double) as value,
        sum(here) as here,
        sum(there) as there,
    from cells
    where isfinite(value)
    group by position, value
),

known as (
    select
        position,
        sum(here) as here_known,
        sum(there) as there_known,
        fsum(value * here) / nullif(sum(here), 0) as mean,
        fsum(value * there) / nullif(sum(there), 0) as reference_mean,
    from rungs
    group by position
),

ladder as (
    select
        rungs.*,
        known.* exclude (position),
        sum(rungs.here) over upwards as here_to,
        sum(rungs.there) over upwards as there_to,
        lead(rungs.value) over upwards - rungs.value as height,
    from rungs
    inner join known on rungs.position = known.position
    window upwards as (partition by rungs.position order by rungs.value rows between unbounded preceding and current row)
),

binned as (
    select
        *,
        abs(here_to / nullif(here_known, 0) - there_to / nullif(there_known, 0)) as apart,
        case when there_known > 0 then cast(least(9, (there_to - there) * 10 // there_known) as integer) else 0 end as bin,
    from ladder
),

measured as materialized (
    select
        position,
        any_value(here_known) as here_known,
        any_value(there_known) as there_known,
        {%- for prefix, count, mean in [('', 'here', 'mean'), ('reference_', 'there', 'reference_mean')] %}
        any_value({{ mean }}) as {{ prefix }}mean,
        sqrt(fsum({{ count }} * power(value - {{ mean }}, 2)) / nullif(sum({{ count }}), 0)) as {{ prefix }}deviation,
        [{% for share in (0.05, 0.25, 0.5, 0.75, 0.95) %}min(value) filter (where {{ count }}_to >= {{ share }} * {{ count }}_known){{ ', ' if not loop.last }}{% endfor %}] as {{ prefix }}quantiles,
        [{% for bin in range(10) %}coalesce(sum({{ count }}) filter (where bin = {{ bin }}), 0){{ ', ' if not loop.last }}{% endfor %}] as {{ prefix }}bins,
        {%- endfor %}
        [{% for decile in range(1, 10) %}min(value) filter (where there_to * 10 >= {{ decile }} * there_known){{ ', ' if not loop.last }}{% endfor %}] as edges,
        max(apart) as ks,
        fsum(apart * height) as distance,
    from binned
    group by position
),

compared as materialized (
    select
        positions.position,
        sizes.*,
        1 - coalesce(measured.here_known, 0) / sizes.rows as null_share,
        1 - coalesce(measured.there_known, 0) / sizes.reference_rows as reference_null_share,
        measured.* exclude (position, here_known, there_known, bins, reference_bins),
        cast(list_append(coalesce(measured.bins, list_resize([0], 10, 0)), sizes.rows - coalesce(measured.here_known, 0)) as bigint[]) as bins,
        cast(
            list_append(coalesce(measured.reference_bins, list_resize([0], 10, 0)), sizes.reference_rows - coalesce(measured.there_known, 0)) as bigint[]
        ) as reference_bins,
        coalesce(measured.here_known * measured.there_known, 0) > 0 as is_comparable,
    from (select unnest(range(1, {{ features + 1 }})) as position) as positions
    cross join sizes
    left join measured on positions.position = measured.position
    where sizes.rows > 0 and sizes.reference_rows > 0
)

select
    position,
    rows,
    null_share,
    mean,
    deviation,
    quantiles,
    bins,
    date '{{ reference_from }}' as reference_from,
    date '{{ reference_until }}' as reference_until,
    reference_rows,
    reference_customers,
    reference_null_share,
    reference_mean,
    reference_deviation,
    reference_quantiles,
    reference_bins,
    edges,
    {{ almanac_psi('bins', 'reference_bins') }} as psi,
    {{ almanac_psi_noise('bins', 'reference_bins', 'rows', 'reference_customers') }} as psi_noise,
    {{ almanac_jensen_shannon('bins', 'reference_bins') }} as jensen_shannon,
    case when is_comparable then ks end as ks,
    -- Kolmogorov's limit of 1 in 100,000: sqrt(ln(2 / 0.00001) / 2).
    2.4704 * sqrt(1 / rows + 1 / reference_customers) as ks_noise,
    case when is_comparable then coalesce(distance, 0) / nullif(reference_deviation, 0) end as wasserstein,
from compared
{%- endmacro %}
