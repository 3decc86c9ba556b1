-- one row a customer's session in the snapshot month; key: customer_id, feature_month
{{ config(materialized='table') }}
with sessions as (
    select * from {{ ref('int_retailtech_sessions') }}
)

select
    customer_id,
    snapshot_month as feature_month,
    {{ known_at('snapshot_month', 'retailtech') }} as event_timestamp,
    {{- feature_columns(almanac_features(almanac_spec('ftr_session'))) }}
from sessions
