-- one row a customer and month; key: customer_id, feature_month
{{ config(post_hook="{{ forget_lost_months(ref('int_customer_months'), 'feature_month') }}") }}
{{ grid_family('ftr_geo', 'int_mbd_geo_months', 'mbd') }}
