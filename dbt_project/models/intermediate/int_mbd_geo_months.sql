-- one row a customer and month with positions; key: customer_id, feature_month
{{ partial_family('stg_mbd__geo', 'int_mbd_geo_files') }}
