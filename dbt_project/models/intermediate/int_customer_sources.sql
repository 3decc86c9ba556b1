-- one row a customer, source and table of it; key: customer_id, source, table_name
select
    customer_id,
    'mbd' as source,
    'trx' as table_name,
    min(feature_month) as first_month,
    max(feature_month) as last_month,
from {{ ref('int_mbd_trx_months') }}
group by customer_id

union all

select
    customer_id,
    'mbd' as source,
    'geo' as table_name,
    min(feature_month) as first_month,
    max(feature_month) as last_month,
from {{ ref('int_mbd_geo_cells') }}
group by customer_id

union all

select
    customer_id,
    'mbd' as source,
    'dialog' as table_name,
    min(feature_month) as first_month,
    max(feature_month) as last_month,
from {{ ref('int_mbd_dialog_months') }}
group by customer_id

union all

-- A customer whom the bank lists for a purchase month was known to it in the month before.
select
    customer_id,
    'mbd' as source,
    'targets' as table_name,
    cast(min(label_month) - interval 1 month as date) as first_month,
    cast(max(label_month) - interval 1 month as date) as last_month,
from {{ ref('stg_mbd__targets') }}
group by customer_id

union all

select
    customer_id,
    'transactions' as source,
    'events' as table_name,
    min(feature_month) as first_month,
    max(feature_month) as last_month,
from {{ ref('int_transactions_months') }}
group by customer_id

union all

select
    customer_id,
    'one_click' as source,
    'market_file' as table_name,
    min(feature_month) as first_month,
    max(feature_month) as last_month,
from {{ ref('int_one_click_months') }}
group by customer_id

union all

select
    customer_id,
    'retailtech' as source,
    'sessions' as table_name,
    snapshot_month as first_month,
    snapshot_month as last_month,
from {{ ref('stg_retailtech__sessions') }}
