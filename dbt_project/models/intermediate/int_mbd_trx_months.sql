-- one row a customer and month with transactions; key: customer_id, feature_month
{{ partial_family('stg_mbd__trx', 'int_mbd_trx_files') }}
