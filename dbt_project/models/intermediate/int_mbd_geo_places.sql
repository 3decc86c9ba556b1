-- one row a customer, month and number of letters with a known cell; key: customer_id, feature_month, letters
{{ config(
    materialized='bucketed',
    meta={'files': 'int_mbd_geo_files'},
    post_hook="{{ forget_lost_geo_months() }}",
) }}
with versions as (
    {{ geo_months() }}
),

{{ changed_geo_months() }},

fresh as (
    select
        cells.customer_id,
        cells.feature_month,
        cells.letters,
        cast(sum(cells.positions) as integer) as positions,
        cast(count(*) as integer) as cells,
        -- Of cells with equally many positions the first in the order of their names is the home.
        arg_min(cells.cell, (-cells.positions, cells.cell)) as home,
        max(cells.positions) / sum(cells.positions) as home_share,
        case when count(*) > 1 then ln(sum(cells.positions)) - sum(cells.positions * ln(cells.positions)) / sum(cells.positions) else 0 end as entropy,
        cast(count_if(cells.previous_month is null) as integer) as new_cells,
        sum(case when cells.previous_month = cells.feature_month - interval 1 month then 0 else cells.positions end)
        / sum(cells.positions) as unvisited_share,
        -- Cells that were not seen in the n - 1 months before: those that a window of n months has first seen here.
        {%- for months in range(1, (geo_spans() | max) + 1) %}
        cast(count_if(coalesce(date_diff('month', cells.previous_month, cells.feature_month), 999) >= {{ months }}) as integer) as first_of_{{ months }},
        {%- endfor %}
    from {{ ref('int_mbd_geo_cells') }} as cells
    inner join changed on cells.feature_month = changed.feature_month
    where cells.cell is not null and {{ in_bucket('cells.customer_id') }}
    group by cells.customer_id, cells.feature_month, cells.letters
),

history as (
    select
        customer_id,
        feature_month,
        letters,
        home,
    from fresh
    {%- if is_increment() %}
    union all
    select
        kept.customer_id,
        kept.feature_month,
        kept.letters,
        kept.home,
    from {{ this }} as kept
    where
        kept.feature_month in (select feature_month from versions except select feature_month from changed)
        and kept.customer_id in (select customer_id from fresh)
    {%- endif %}
),

compared as (
    select
        customer_id,
        feature_month,
        letters,
        home,
        lag(feature_month) over customer_months as previous_month,
        lag(home) over customer_months as previous_home,
    from history
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
