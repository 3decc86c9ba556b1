-- one row a customer and month; key: customer_id, feature_month
{{ grid_family('int_mbd_trx_months') }}
