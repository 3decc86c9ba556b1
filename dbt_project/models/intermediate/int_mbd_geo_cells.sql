-- one row a customer, month, number of letters and cell with positions; key: customer_id, feature_month, letters, cell
{{ config(
    materialized='bucketed',
    meta={'files': 'int_mbd_geo_files'},
    post_hook="delete from {{ this }} where feature_month not in (select feature_month from {{ ref('int_mbd_geo_files') }})",
) }}
-- A cell is new or known by all months before: a late position builds its month and all later ones.
with versions as (
    select
        feature_month,
        hash(sum(hash(feature_month, sum(events), sum(content))) over (order by feature_month)) as month_version,
    from {{ ref('int_mbd_geo_files') }}
    group by feature_month
),

{{ changed_geo_months() }},

counted as (
    select
        customer_id,
        {{ month_start('event_time') }} as feature_month,
        geohash_4,
        geohash_5,
        geohash_6,
        count(*) as positions,
    from {{ ref('stg_mbd__geo') }}
    where {{ month_start('event_time') }} in (select feature_month from changed) and {{ in_bucket('customer_id') }}
    group by all
),

by_letters as (
    select
        customer_id,
        feature_month,
        unnest([4, 5, 6]) as letters,
        unnest([geohash_4, geohash_5, geohash_6]) as cell,
        positions,
    from counted
),

fresh as (
    select
        customer_id,
        feature_month,
        cast(letters as utinyint) as letters,
        cell,
        cast(sum(positions) as integer) as positions,
    from by_letters
    group by all
),

history as (
    select * from fresh
    {%- if is_increment() %}
    union all
    select kept.* exclude (previous_month, month_version)
    from {{ this }} as kept
    semi join fresh on kept.customer_id = fresh.customer_id and kept.letters = fresh.letters and kept.cell = fresh.cell
    where kept.feature_month in (select feature_month from versions except select feature_month from changed)
    {%- endif %}
),

sighted as (
    select
        *,
        case
            when cell is not null
                then lag(feature_month) over (partition by customer_id, letters, cell order by feature_month)
        end as previous_month,
    from history
)

select
    sighted.*,
    changed.month_version,
from sighted
inner join changed on sighted.feature_month = changed.feature_month
