-- one row a month for which the bank lists what was bought; key: feature_month
with purchases as (
    select
        customer_id,
        label_month,
        product_1,
        product_2,
        product_3,
        product_4,
    from {{ ref('stg_mbd__targets') }}
)

select
    label_month as feature_month,
    count(*) as customers,
    sum(hash(purchases)) as content,
from purchases
group by label_month
