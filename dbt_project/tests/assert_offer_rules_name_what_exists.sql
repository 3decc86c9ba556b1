-- A rule of an offer names a target that a model or the workspace declares, a category that the shop's codes know, and a segment that exists.
-- The seeds are not named by ref(), nor the responses by source(): dbt runs a test as soon as one of the tables it names is
-- selected, be the others built or not. Both seeds are built before mart_offers.
-- depends_on: {{ ref('mart_offers') }}
{%- set targets = models_with('target') | map(attribute='declared') | list %}
with rules as (
    select * from {{ api.Relation.create(database=target.database, schema='seeds', identifier='offer_rules') }}
),

categories as (
    select value from {{ api.Relation.create(database=target.database, schema='seeds', identifier='one_click_codes') }}
    where kind = 'category'
)

select * from rules
where
    (
        target not in ('{{ targets | join("', '") }}')
        and target not in (select response from {{ api.Relation.create(database=target.database, schema='landed', identifier='workspace__responses') }})
    )
    or (category <> 'other' and category not in (select value from categories))
    or segment not in ('high_risk_high_profit', 'high_risk_low_profit', 'low_risk_high_profit', 'low_risk_low_profit')
