-- one row a session with its engagement and behaviour; key: customer_id
-- An hour on the site or fifteen pages is full engagement; half of either parts the behaviours.
with sessions as (
    select * from {{ ref('stg_retailtech__sessions') }}
),

scored as (
    select
        *,
        case when time_spent >= 60 then 1 else time_spent / 60 end as time_score,
        case when pages_viewed >= 15 then 1 else pages_viewed / 15 end as page_score,
    from sessions
)

select
    customer_id,
    snapshot_month,
    time_spent,
    pages_viewed,
    basket_value,
    device_type,
    customer_type,
    purchase,
    (time_score + page_score) / 2 as engagement_score,
    case
        when time_score >= 0.5 and page_score >= 0.5 then 'high_engagement'
        when time_score >= 0.5 and page_score < 0.5 then 'focused_shopper'
        when time_score < 0.5 and page_score >= 0.5 then 'window_shopper'
        when time_score < 0.5 and page_score < 0.5 then 'casual_browser'
    end as behaviour,
from scored
