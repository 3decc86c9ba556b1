-- one row a target, customer and month of its baseline feature, which a model should beat; key: target, customer_id, event_timestamp
-- A family that is not listed here is read too, from the build after its first.
-- depends_on: {{ ref('ftr_market') }}
-- depends_on: {{ ref('ftr_session') }}
-- depends_on: {{ ref('ftr_spend') }}
-- depends_on: {{ ref('ftr_trx') }}
{{ config(materialized='view', schema='intermediate', access='protected') }}
with every as (
    select null::varchar as target, null::varchar as feature, null::varchar as customer_id, null::timestamp as event_timestamp, null::double as ranking
    where false
    {%- for each in built_baselines() %}
    union all
    select '{{ each.target }}' as target, '{{ each.feature }}' as feature, customer_id, event_timestamp, {{ each.sign }}{{ each.feature }} as ranking
    from {{ each.relation }}
    {%- endfor %}
)

select
    target,
    feature,
    customer_id,
    event_timestamp,
    ranking,
from every
