-- one row a customer and month for which the bank lists what was bought; key: customer_id, feature_month
{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key='feature_month',
    on_schema_change='sync_all_columns',
    post_hook="delete from {{ this }} where feature_month not in (select feature_month from {{ ref('int_mbd_purchase_versions') }})",
) }}
{%- do describe_columns(part_descriptions(model.name)) %}
{%- set products = {'any': 'any_product', 'product_1': 'product_1', 'product_2': 'product_2', 'product_3': 'product_3', 'product_4': 'product_4'} %}
with versions as (
    select
        feature_month,
        hash(customers, content) as month_version,
    from {{ ref('int_mbd_purchase_versions') }}
),

{{ changed_versions(this, almanac_is_increment(this)) }},

purchases as (
    select
        customer_id,
        label_month as feature_month,
        greatest(product_1, product_2, product_3, product_4) as any_product,
        product_1,
        product_2,
        product_3,
        product_4,
        cast(last_day(label_month) as timestamp) as dated,
    from {{ ref('stg_mbd__targets') }}
)

select
    purchases.customer_id,
    purchases.feature_month,
    1 as listed__count,
    purchases.dated as last_listed__last_time,
    {%- for product, bought in products.items() %}
    purchases.{{ bought }} as {{ product }}__count,
    purchases.{{ bought }} as {{ product }}_month__sum,
    1 as {{ product }}_month__count,
    purchases.{{ bought }} as {{ product }}_ever__max,
    case when purchases.{{ bought }} = 1 then purchases.dated end as last_{{ product }}__last_time,
    case when purchases.{{ bought }} = 1 then purchases.dated end as first_{{ product }}__first_time,
    {%- endfor %}
    changed.month_version,
from purchases
inner join changed on purchases.feature_month = changed.feature_month
