-- one row a customer and month with transactions; key: customer_id, feature_month
{{ partial_family('stg_transactions__events', 'int_transactions_files') }}
