-- one row a customer and month with dialogues; key: customer_id, feature_month
{{ partial_family('int_mbd_dialogs', 'int_mbd_dialog_versions') }}
