-- one row a customer and month; key: customer_id, feature_month
{{ config(post_hook="{{ forget_lost_feature_months('int_mbd_dialog_months', 'mbd') }}") }}
{{ grid_family('ftr_dialog', 'int_mbd_dialog_months', 'mbd') }}
