-- one row a customer and month with dialogues; key: customer_id, feature_month
{{ partial_family('stg_mbd__dialog', 'int_mbd_dialog_files') }}
