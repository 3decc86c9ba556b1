-- one row a customer at the snapshot; key: customer_id, event_timestamp
select
    customer_id,
    {{ known_at('snapshot_month', 'one_click') }} as event_timestamp,
    cast(activity = 'declined' as integer) as label,
from {{ ref('stg_one_click__market_file') }}
where activity is not null
