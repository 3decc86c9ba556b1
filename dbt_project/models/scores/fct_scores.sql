-- one row a customer and target: its newest score; key: customer_id, target
with scores as (
    select
        *,
        rowid as appended,
    from {{ source('scores', 'scores') }}
),

contactable as (
    {{ almanac_contactable() }}
)

select
    customer_id,
    target,
    model_id,
    as_of,
    score,
    percentile,
    scored_from,
    reasons,
    customer_id in (select contactable.customer_id from contactable) as is_contactable,
from scores
qualify row_number() over (partition by customer_id, target order by as_of desc, appended desc) = 1
