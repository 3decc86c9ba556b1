-- one row a customer; key: customer_id
-- depends_on: {{ ref('int_one_click_consents') }}
with sources as (
    select * from {{ ref('int_customer_sources') }}
),

shop as (
    select * from {{ ref('stg_one_click__market_file') }}
),

consents as (
    {{ almanac_consents() }}
),

money as (
    select * from {{ ref('stg_one_click__money') }}
),

known as (
    select
        customer_id,
        min(first_month) as first_month,
        max(last_month) as last_month,
        string_agg(distinct source, ', ' order by source) as sources,
    from sources
    group by customer_id
),

contacts as (
    select
        known.customer_id,
        {{ almanac_contact_basis('consents.is_yes') }} as contact_basis,
    from known
    left join consents on known.customer_id = consents.customer_id
)

select
    known.customer_id,
    known.first_month,
    known.last_month,
    known.sources,
    shop.service,
    shop.favourite_category,
    contacts.contact_basis,
    contacts.contact_basis in ('yes', 'setting') as is_contactable,
    money.profit as monthly_profit,
from known
inner join contacts on known.customer_id = contacts.customer_id
left join shop on known.customer_id = shop.customer_id
left join money on known.customer_id = money.customer_id
