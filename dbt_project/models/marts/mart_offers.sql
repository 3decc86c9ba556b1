-- one row a customer who may be contacted and whom a rule fits; key: customer_id
with rules as (
    select * from {{ ref('offer_rules') }}
),

scores as (
    select * from {{ ref('fct_scores') }}
),

customers as (
    select * from {{ ref('dim_customers') }}
),

contactable as (
    {{ almanac_contactable() }}
),

segments as (
    select * from {{ ref('mart_segments') }}
)

select
    scores.customer_id,
    rules.offer,
    coalesce(rules.category, customers.favourite_category) as category,
    rules.discount_percent,
    rules.target,
    scores.score,
    scores.percentile,
    segments.segment,
    scores.as_of,
from scores
inner join rules on scores.target = rules.target and scores.percentile >= rules.min_percentile
inner join contactable on scores.customer_id = contactable.customer_id
inner join customers on scores.customer_id = customers.customer_id
left join segments on scores.customer_id = segments.customer_id
where
    (rules.segment is null or rules.segment = segments.segment)
    and (rules.category is null or rules.category = customers.favourite_category)
qualify row_number() over (partition by scores.customer_id order by rules.priority) = 1
