-- one row a customer and source; key: customer_id, source
select customer_id, 'mbd' as source, min(feature_month) as first_month, max(feature_month) as last_month
from {{ ref('int_mbd_trx_months') }}
group by customer_id

union all

select customer_id, 'mbd_geo' as source, min(feature_month) as first_month, max(feature_month) as last_month
from {{ ref('int_mbd_geo_months') }}
group by customer_id

union all

select customer_id, 'mbd_dialog' as source, min(feature_month) as first_month, max(feature_month) as last_month
from {{ ref('int_mbd_dialog_months') }}
group by customer_id

union all

-- A customer whom the bank lists for a purchase month was known to it in the month before.
select
    customer_id,
    'mbd_targets' as source,
    cast(min(label_month) - interval 1 month as date) as first_month,
    cast(max(label_month) - interval 1 month as date) as last_month,
from {{ ref('stg_mbd__targets') }}
group by customer_id

union all

select customer_id, 'transactions' as source, min(feature_month) as first_month, max(feature_month) as last_month
from {{ ref('int_transactions_months') }}
group by customer_id

union all

select customer_id, 'one_click' as source, min(feature_month) as first_month, max(feature_month) as last_month
from {{ ref('int_one_click_months') }}
group by customer_id

union all

select customer_id, 'retailtech' as source, snapshot_month as first_month, snapshot_month as last_month
from {{ ref('stg_retailtech__sessions') }}
