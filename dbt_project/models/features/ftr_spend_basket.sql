-- one row a customer and month; key: customer_id, feature_month
-- depends_on: {{ ref('int_transactions_purchase_months') }}, whose parts the view below completes
{{ grid_family('int_transactions_purchase_gaps') }}
