-- one row a customer and target: its newest score with the reasons for it; key: customer_id, target
with scores as (
    select * from {{ ref('fct_scores') }}
)

select
    customer_id,
    target,
    as_of,
    score,
    percentile,
    reasons[1] as reason_1,
    reasons[2] as reason_2,
    reasons[3] as reason_3,
    model_id,
from scores
