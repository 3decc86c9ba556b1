-- one row a customer, month and number of letters with a known cell; key: customer_id, feature_month, letters
{{ config(
    materialized='bucketed',
    meta={'files': 'int_mbd_geo_files'},
    post_hook="{{ forget_lost_geo_months() }}",
) }}
with versions as (
    select * from {{ ref('int_mbd_geo_versions') }}
),

{{ changed_versions(this, almanac_is_increment(this)) }},

{{ sighted_cells() }},

fresh as (
    select
        customer_id,
        feature_month,
        letters,
        cast(sum(positions) as integer) as positions,
        cast(count(*) as integer) as cells,
        -- Of cells with equally many positions the first in the order of their names is the home.
        arg_min(cell, (-positions, cell)) as home,
        max(positions) / sum(positions) as home_share,
        case when count(*) > 1 then ln(sum(positions)) - sum({{ exactly_summable('positions * ln(positions)') }}) / sum(positions) else 0 end as entropy,
        cast(count_if(previous_month is null) as integer) as new_cells,
        sum(case when previous_month = feature_month - interval 1 month then 0 else positions end)
        / sum(positions) as unvisited_share,
        -- Cells that were not seen in the n - 1 months before: those that a window of n months has first seen here.
        {%- for months in range(1, (geo_spans() | max) + 1) %}
        cast(count_if(coalesce(date_diff('month', previous_month, feature_month), 999) >= {{ months }}) as integer) as first_of_{{ months }},
        {%- endfor %}
    from sighted
    where feature_month in (select feature_month from changed)
    group by customer_id, feature_month, letters
),

{{ monthly_homes() }},

compared as (
    select
        customer_id,
        feature_month,
        letters,
        home,
        lag(feature_month) over customer_months as previous_month,
        lag(home) over customer_months as previous_home,
    from homes
    window customer_months as (partition by customer_id, letters order by feature_month)
)

select
    fresh.* exclude (unvisited_share),
    case when compared.previous_month = fresh.feature_month - interval 1 month then fresh.unvisited_share end as unvisited_share,
    cast(fresh.home <> compared.previous_home as integer) as home_changed,
    changed.month_version,
from fresh
inner join compared
    on fresh.customer_id = compared.customer_id and fresh.feature_month = compared.feature_month and fresh.letters = compared.letters
inner join changed on fresh.feature_month = changed.feature_month
