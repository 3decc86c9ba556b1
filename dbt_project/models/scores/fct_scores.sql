-- one row a customer and target: its newest score; key: customer_id, target
with scores as (
    select
        *,
        rowid as appended,
    from {{ source('scores', 'scores') }}
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
from scores
qualify row_number() over (partition by customer_id, target order by as_of desc, appended desc) = 1
