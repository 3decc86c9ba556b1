{#-
    In which cells customers were seen in the months to be built, at three precisions, and in which month before.
    in:  the CTEs `versions` and `changed`; a bucket of the customers of int_mbd_geo_cells
    out: the CTEs that end with `sighted (customer_id, feature_month, letters, cell, positions, previous_month)`
-#}
{% macro sighted_cells() -%}
sightings as (
    select
        customer_id,
        feature_month,
        cast(unnest([4, 5, 6]) as utinyint) as letters,
        unnest([geohash_4, geohash_5, geohash_6]) as cell,
        positions,
    from {{ ref('int_mbd_geo_cells') }}
    where {{ in_bucket('customer_id') }}
),

cells as (
    select
        customer_id,
        feature_month,
        letters,
        cell,
        cast(sum(positions) as integer) as positions,
    from sightings
    where cell is not null and feature_month in (select feature_month from changed)
    group by customer_id, feature_month, letters, cell
),

-- A cell is new or known by all months before: a late position builds its month and all later ones.
with_earlier as (
    select * from cells
    {%- if almanac_is_increment(this) %}
    union all
    select earlier.*
    from sightings as earlier
    semi join cells on earlier.customer_id = cells.customer_id and earlier.letters = cells.letters and earlier.cell = cells.cell
    where earlier.feature_month in (select feature_month from versions except select feature_month from changed)
    {%- endif %}
),

sighted as (
    select
        *,
        lag(feature_month) over (partition by customer_id, letters, cell order by feature_month) as previous_month,
    from with_earlier
)
{%- endmacro %}
