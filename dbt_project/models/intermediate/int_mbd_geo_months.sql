-- one row a customer and month with positions; key: customer_id, feature_month
{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key='feature_month',
    on_schema_change='sync_all_columns',
    post_hook="{{ forget_lost_months(ref('stg_mbd__geo'), month_start('event_time')) }}",
) }}
{{ partial_family('ftr_geo', 'stg_mbd__geo') }}
