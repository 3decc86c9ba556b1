-- one row a customer who may be contacted and target: its newest score with the reasons for it; key: customer_id, target
with scores as (
    select * from {{ ref('fct_scores') }}
),

contactable as (
    {{ almanac_contactable() }}
)

select
    scores.customer_id,
    scores.target,
    scores.as_of,
    scores.score,
    scores.percentile,
    scores.reasons[1] as reason_1,
    scores.reasons[2] as reason_2,
    scores.reasons[3] as reason_3,
    scores.model_id,
from scores
inner join contactable on scores.customer_id = contactable.customer_id
