-- one row a session whose end is known; key: customer_id, event_timestamp
select
    customer_id,
    {{ known_at('snapshot_month', 'retailtech') }} as event_timestamp,
    purchase as label,
from {{ ref('stg_retailtech__sessions') }}
where purchase is not null
