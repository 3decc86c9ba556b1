-- one row a customer and month; key: customer_id, feature_month
{{ config(post_hook="{{ forget_lost_feature_months('int_mbd_trx_months', 'mbd') }}") }}
{{ grid_family('ftr_trx', 'int_mbd_trx_months', 'mbd') }}
