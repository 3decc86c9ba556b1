-- one row a raw file and month with dialogues; key: file, feature_month
{{ event_files('mbd', 'dialog', 'stg_mbd__dialog') }}
