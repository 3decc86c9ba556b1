-- one row a customer, month and number of letters with a known cell in a year; key: customer_id, feature_month, letters
{{ config(
    materialized='bucketed',
    meta={'files': 'int_mbd_geo_files'},
    post_hook="{{ forget_lost_geo_months() }}",
) }}
{%- set longest = geo_spans() | max %}
with versions as (
    select * from {{ ref('int_mbd_geo_versions') }}
),

{{ changed_versions(this, almanac_is_increment(this)) }},

places as (
    select
        *,
        lead(feature_month) over (partition by customer_id, letters order by feature_month) as next_month,
    from {{ ref('int_mbd_geo_places') }}
    where
        feature_month >= (select min(feature_month) from changed) - interval {{ longest - 1 }} month
        and {{ in_bucket('customer_id') }}
),

-- Each month with positions, and the silent ones after it, as long as a window still holds it.
dense as (
    select
        customer_id,
        letters,
        feature_month as seen_month,
        cast(unnest(generate_series(
            feature_month,
            least(next_month - interval 1 month, feature_month + interval {{ longest - 1 }} month),
            interval 1 month
        )) as date) as feature_month,
        columns('first_of_.*'),
    from places
),

months as (
    select
        customer_id,
        feature_month,
        letters,
        {%- for months in range(1, longest + 1) %}
        case when feature_month = seen_month then first_of_{{ months }} else 0 end as first_of_{{ months }},
        {%- endfor %}
    from dense
),

-- A window of three months counts a cell once, where it first sees it: in its first month all cells, in its second
-- those that the month before it lacks, in its third those that the two before it lack.
counted as (
    select
        customer_id,
        feature_month,
        letters,
        {%- for span in geo_spans() %}
        first_of_{{ span }}
        {%- for ago in range(1, span) %} + lag(first_of_{{ span - ago }}, {{ ago }}, 0) over customer_months{% endfor %} as cells_{{ span }}m,
        {%- endfor %}
    from months
    window customer_months as (partition by customer_id, letters order by feature_month)
)

select
    counted.*,
    changed.month_version,
from counted
inner join changed on counted.feature_month = changed.feature_month
