-- one row a customer and month with positions in it or in the eleven before; key: customer_id, feature_month
{{ config(
    materialized='bucketed',
    meta={'files': 'int_mbd_geo_files'},
    post_hook="{{ forget_lost_geo_months() }}",
) }}
{%- do describe_columns(part_descriptions(model.name)) %}
with versions as (
    select * from {{ ref('int_mbd_geo_versions') }}
),

{{ changed_versions(this, almanac_is_increment(this)) }},

events as (
    select
        customer_id,
        feature_month,
        cast(sum(positions) as integer) as event__count,
        cast(bit_count(bit_or(days)) as integer) as day__nunique,
        max(last_time) as last_event__last_time,
        min(first_time) as first_event__first_time,
        {%- for letters in [4, 5, 6] %}
        cast(sum(moves_{{ letters }}) as integer) as move{{ letters }}_share__sum,
        cast(sum(steps_{{ letters }}) as integer) as move{{ letters }}_share__count,
        {%- endfor %}
        {%- for share, part in {'night': 'at_night', 'daytime': 'in_daytime', 'weekend': 'at_weekends'}.items() %}
        cast(sum({{ part }}) as integer) as {{ share }}_share__sum,
        event__count as {{ share }}_share__count,
        {%- endfor %}
    from {{ ref('int_mbd_geo_cells') }}
    where feature_month in (select feature_month from changed) and {{ in_bucket('customer_id') }}
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
