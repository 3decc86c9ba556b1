-- one row a target and customer whose label is known; key: target, customer_id, event_timestamp
-- A target that is not listed here is followed too, from the build after its first.
-- depends_on: {{ ref('tgt_activity_decline') }}
-- depends_on: {{ ref('tgt_purchase_any') }}
-- depends_on: {{ ref('tgt_purchase_product_1') }}
-- depends_on: {{ ref('tgt_purchase_product_2') }}
-- depends_on: {{ ref('tgt_purchase_product_3') }}
-- depends_on: {{ ref('tgt_purchase_product_4') }}
-- depends_on: {{ ref('tgt_responses') }}
-- depends_on: {{ ref('tgt_session_purchase') }}
-- depends_on: {{ ref('tgt_spend_decline') }}
-- depends_on: {{ ref('tgt_spend_next_month') }}
{{ config(materialized='view', schema='intermediate', access='protected') }}
with every as (
    select null::varchar as target, null::varchar as customer_id, null::timestamp as event_timestamp, null::integer as label
    where false
    {%- for each in built_targets() %}
    union all select {{ each.name }} as target, customer_id, event_timestamp, label from {{ each.relation }}
    {%- endfor %}
)

select
    target,
    customer_id,
    event_timestamp,
    label,
from every
