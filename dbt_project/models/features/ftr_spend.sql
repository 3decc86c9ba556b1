-- one row a customer and month; key: customer_id, feature_month
{{ config(post_hook="{{ forget_lost_feature_months('int_transactions_months', 'transactions') }}") }}
{{ grid_family('ftr_spend', 'int_transactions_months', 'transactions') }}
