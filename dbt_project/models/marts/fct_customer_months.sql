-- one row a customer and calendar month since first seen; key: customer_id, feature_month
with spine as (
    select * from {{ ref('int_customer_months') }}
),

bank as (
    select * from {{ ref('int_mbd_trx_months') }}
),

positions as (
    select * from {{ ref('int_mbd_geo_months') }}
),

dialogues as (
    select * from {{ ref('int_mbd_dialog_months') }}
),

purchases as (
    select * from {{ ref('int_transactions_months') }}
),

shop as (
    select * from {{ ref('int_one_click_months') }}
)

select
    spine.customer_id,
    spine.feature_month,
    spine.is_complete,
    cast(coalesce(bank.event__count, 0) as bigint) as bank_transactions,
    bank.amount__sum as bank_amount,
    cast(coalesce(positions.event__count, 0) as bigint) as positions,
    cast(coalesce(dialogues.event__count, 0) as bigint) as dialogues,
    cast(coalesce(purchases.event__count, 0) as bigint) as transactions,
    purchases.amount__sum as amount,
    shop.revenue,
    shop.minutes,
from spine
left join bank on spine.customer_id = bank.customer_id and spine.feature_month = bank.feature_month
left join positions on spine.customer_id = positions.customer_id and spine.feature_month = positions.feature_month
left join dialogues on spine.customer_id = dialogues.customer_id and spine.feature_month = dialogues.feature_month
left join purchases on spine.customer_id = purchases.customer_id and spine.feature_month = purchases.feature_month
left join shop on spine.customer_id = shop.customer_id and spine.feature_month = shop.feature_month
