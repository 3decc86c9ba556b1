-- one row a customer of the shop at the snapshot; key: customer_id
with source as (
    select
        landed.* exclude (_file, _row, _error, _line),
        {{ almanac_marks('landed') }},
    from {{ source('one_click', 'market_file') }} as landed
),

renamed as (
    select
        trim(id) as source_id,
        {{ almanac_code('activity', '"Покупательская активность"') }} as activity,
        {{ almanac_code('service', '"Тип сервиса"') }} as service,
        {{ almanac_code('consent', '"Разрешить сообщать"') }} as consent,
        {{ decimal_number('"Маркет_актив_6_мес"') }} as contacts_monthly_6m,
        {{ decimal_number('"Маркет_актив_тек_мес"') }} as contacts_1m,
        {{ decimal_number('"Длительность"') }} as days_since_registration,
        {{ decimal_number('"Акционные_покупки"') }} as promo_purchase_share,
        coalesce({{ almanac_code('category', '"Популярная_категория"') }}, 'other') as favourite_category,
        {{ decimal_number('"Средний_просмотр_категорий_за_визит"') }} as categories_a_visit,
        {{ decimal_number('"Неоплаченные_продукты_штук_квартал"') }} as unpaid_items,
        {{ decimal_number('"Ошибка_сервиса"') }} as service_errors,
        {{ decimal_number('"Страниц_за_визит"') }} as pages_a_visit,
        case
            when {{ almanac_unreadable('"Маркет_актив_6_мес"') }} then 'Маркет_актив_6_мес'
            when {{ almanac_unreadable('"Маркет_актив_тек_мес"') }} then 'Маркет_актив_тек_мес'
            when {{ almanac_unreadable('"Длительность"') }} then 'Длительность'
            when {{ almanac_unreadable('"Акционные_покупки"') }} then 'Акционные_покупки'
            when {{ almanac_unreadable('"Средний_просмотр_категорий_за_визит"') }} then 'Средний_просмотр_категорий_за_визит'
            when {{ almanac_unreadable('"Неоплаченные_продукты_штук_квартал"') }} then 'Неоплаченные_продукты_штук_квартал'
            when {{ almanac_unreadable('"Ошибка_сервиса"') }} then 'Ошибка_сервиса'
            when {{ almanac_unreadable('"Страниц_за_визит"') }} then 'Страниц_за_визит'
        end as unreadable_column,
        case
            when {{ almanac_unknown_code('activity', '"Покупательская активность"') }}
                then 'Покупательская активность `' || "Покупательская активность" || '`'
            when {{ almanac_unknown_code('service', '"Тип сервиса"') }} then 'Тип сервиса `' || "Тип сервиса" || '`'
            when {{ almanac_unknown_code('consent', '"Разрешить сообщать"') }}
                then 'Разрешить сообщать `' || "Разрешить сообщать" || '`'
        end as unknown_code,
        _file,
        _row,
        _error,
        _line,
    from source
)

select
    {{ almanac_customer_id('renamed.source_id') }} as customer_id,
    {{ almanac_snapshot_month('one_click') }} as snapshot_month,
    renamed.* exclude (source_id, unreadable_column, unknown_code, _error, _file, _row, _line),
    {{ reject_reason([
        ("renamed.source_id is null or renamed.source_id = ''", 'id is empty'),
        ('renamed.unreadable_column is not null', "' || renamed.unreadable_column || ' is not a number"),
        ('renamed.unknown_code is not null', "' || renamed.unknown_code || ' is not in the seed one_click_codes"),
        (almanac_repeats('renamed', 'renamed.source_id'), 'id is repeated'),
    ]) }} as reject_reason,
    renamed._file,
    renamed._row,
    renamed._line,
from renamed
{{ join_identities('one_click', 'renamed.source_id') }}
