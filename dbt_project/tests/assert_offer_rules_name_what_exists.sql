-- A rule of an offer names a target that a model declares, a category that the shop's codes know, and a segment that exists.
{%- set targets = models_with('target') | map(attribute='declared') | list %}
with rules as (
    select * from {{ ref('offer_rules') }}
),

categories as (
    select value from {{ ref('one_click_codes') }}
    where kind = 'category'
)

select * from rules
where
    target not in ('{{ targets | join("', '") }}')
    or (category <> 'other' and category not in (select value from categories))
    or segment not in ('high_risk_high_profit', 'high_risk_low_profit', 'low_risk_high_profit', 'low_risk_low_profit')
