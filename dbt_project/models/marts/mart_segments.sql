-- one row a customer with a score of decline, by risk and profit; key: customer_id
-- A target whose meta says `segments: decline` is a risk; of several scores of a customer the smallest `segments_rank` counts.
{%- set declines = declining_targets() %}
with scores as (
    select * from {{ ref('fct_scores') }}
    where list_contains({{ declines }}, target)
),

customers as (
    select * from {{ ref('dim_customers') }}
),

months as (
    select * from {{ ref('fct_customer_months') }}
),

bounds as (
    select
        max(min_percentile) filter (where measure = 'risk') as risk,
        max(min_percentile) filter (where measure = 'profit') as profit,
    from {{ ref('segment_bounds') }}
),

risks as (
    select * from scores
    qualify row_number() over (partition by customer_id order by list_position({{ declines }}, target)) = 1
),

spends as (
    select
        risks.customer_id,
        sum(months.amount) / 12 as monthly_spend,
    from risks
    inner join months
        on risks.customer_id = months.customer_id
        and risks.as_of > months.feature_month
        and months.feature_month >= risks.as_of - interval 12 month
    group by risks.customer_id
),

valued as (
    select
        risks.customer_id,
        risks.target as risk_target,
        risks.score as risk,
        risks.percentile as risk_percentile,
        risks.as_of,
        coalesce(customers.is_contactable, false) as is_contactable,
        coalesce(customers.monthly_profit, spends.monthly_spend, 0) as profit,
        case when customers.monthly_profit is not null then 'profit' else 'spend' end as profit_basis,
    from risks
    left join customers on risks.customer_id = customers.customer_id
    left join spends on risks.customer_id = spends.customer_id
),

-- Profit and spend are not in one unit: each is ranked among its own.
ranked as (
    select
        *,
        percent_rank() over (partition by profit_basis order by profit) as profit_percentile,
    from valued
)

select
    ranked.*,
    case when ranked.risk_percentile >= bounds.risk then 'high_risk' else 'low_risk' end
    || '_'
    || case when ranked.profit_percentile >= bounds.profit then 'high_profit' else 'low_profit' end as segment,
from ranked
cross join bounds
