-- one row a customer and month with positions in it or in the eleven before; key: customer_id, feature_month
{{ config(
    materialized='bucketed',
    meta={'files': 'int_mbd_geo_files'},
    post_hook="{{ forget_lost_geo_months() }}",
) }}
with versions as (
    {{ geo_months() }}
),

{{ changed_geo_months() }},

-- Positions of one instant follow each other in the order of their cells.
positions as (
    select
        *,
        {{ month_start('event_time') }} as feature_month,
        {%- for letters in [4, 5, 6] %}
        cast(geohash_{{ letters }} <> lag(geohash_{{ letters }}) over in_turn as integer) as move{{ letters }}_share,
        {%- endfor %}
        cast(hour(event_time) < 6 as integer) as night_share,
        cast(hour(event_time) between 9 and 17 as integer) as daytime_share,
        cast(isodow(event_time) > 5 as integer) as weekend_share,
    from {{ ref('stg_mbd__geo') }}
    where {{ month_start('event_time') }} in (select feature_month from changed) and {{ in_bucket('customer_id') }}
    window in_turn as (
        partition by customer_id, {{ month_start('event_time') }} order by event_time, geohash_6, geohash_5, geohash_4
    )
),

events as (
    select
        customer_id,
        feature_month,
        count(*) as event__count,
        count(distinct cast(event_time as date)) as day__nunique,
        max(event_time) as last_event__last_time,
        min(event_time) as first_event__first_time,
        {%- for share in ['move4', 'move5', 'move6', 'night', 'daytime', 'weekend'] %}
        sum({{ share }}_share) as {{ share }}_share__sum,
        count({{ share }}_share) as {{ share }}_share__count,
        {%- endfor %}
    from positions
    group by customer_id, feature_month
),

by_letters as (
    select
        spans.* exclude (month_version),
        places.* exclude (customer_id, feature_month, letters, month_version),
    from {{ ref('int_mbd_geo_spans') }} as spans
    left join {{ ref('int_mbd_geo_places') }} as places
        on spans.customer_id = places.customer_id and spans.feature_month = places.feature_month and spans.letters = places.letters
    where spans.feature_month in (select feature_month from changed) and {{ in_bucket('spans.customer_id') }}
),

places as (
    select
        customer_id,
        feature_month,
        {%- for letters in [4, 5, 6] %}{{ geo_columns(letters) }}{% endfor %}
    from by_letters
    group by customer_id, feature_month
)

-- Months of silence have no positions, positions in unknown cells no places.
select
    coalesce(events.customer_id, places.customer_id) as customer_id,
    changed.feature_month,
    coalesce(events.event__count, 0) as event__count,
    events.* exclude (customer_id, feature_month, event__count),
    places.* exclude (customer_id, feature_month),
    changed.month_version,
from events
full join places on events.customer_id = places.customer_id and events.feature_month = places.feature_month
inner join changed on coalesce(events.feature_month, places.feature_month) = changed.feature_month
