-- one row a raw file and month with transactions; key: file, feature_month
{{ event_files('transactions', 'events', 'stg_transactions__events', together=true) }}
