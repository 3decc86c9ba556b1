-- one row a customer, month and cell with positions; key: customer_id, feature_month, geohash_4, geohash_5, geohash_6
{{ config(materialized='monthly', meta={'files': 'int_mbd_geo_files'}) }}
{%- set columns, increment = partial_columns([]), almanac_is_increment(this) %}
with {{ changed_months(ref('int_mbd_geo_files'), columns, increment) }},

-- Positions of one instant follow each other in the order of their cells.
positions as (
    select
        *,
        {{ month_start('event_time') }} as feature_month,
        {%- for letters in [4, 5, 6] %}
        geohash_{{ letters }} <> lag(geohash_{{ letters }}) over in_turn as is_move_{{ letters }},
        {%- endfor %}
    from {{ ref('stg_mbd__geo') }}
    where
        {{ in_batch('event_time') }}
        and {{ in_changed_files('int_mbd_geo_files', columns, increment) }}
        and {{ month_start('event_time') }} in (select feature_month from changed)
    window in_turn as (
        partition by customer_id, {{ month_start('event_time') }} order by event_time, geohash_6, geohash_5, geohash_4
    )
),

cells as (
    select
        customer_id,
        feature_month,
        geohash_4,
        geohash_5,
        geohash_6,
        cast(count(*) as integer) as positions,
        min(event_time) as first_time,
        max(event_time) as last_time,
        bit_or(cast(1 as bigint) << (day(event_time) - 1)) as days,
        cast(count_if(hour(event_time) < 6) as integer) as at_night,
        cast(count_if(hour(event_time) between 9 and 17) as integer) as in_daytime,
        cast(count_if(isodow(event_time) > 5) as integer) as at_weekends,
        {%- for letters in [4, 5, 6] %}
        cast(count_if(is_move_{{ letters }}) as integer) as moves_{{ letters }},
        cast(count(is_move_{{ letters }}) as integer) as steps_{{ letters }},
        {%- endfor %}
    from positions
    group by customer_id, feature_month, geohash_4, geohash_5, geohash_6
)

select
    cells.*,
    changed.month_version,
from cells
inner join changed on cells.feature_month = changed.feature_month
