-- one row a raw file and month with positions; key: file, feature_month
{{ event_files('mbd', 'geo', 'stg_mbd__geo') }}
