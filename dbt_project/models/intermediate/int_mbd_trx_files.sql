-- one row a raw file and month with transactions; key: file, feature_month
{{ event_files('mbd', 'trx', 'stg_mbd__trx') }}
