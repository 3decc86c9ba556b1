-- one row a customer of the shop at the snapshot; key: customer_id
{%- set numbers = {
    'contacts_monthly_6m': 'Маркет_актив_6_мес',
    'contacts_1m': 'Маркет_актив_тек_мес',
    'days_since_registration': 'Длительность',
    'promo_purchase_share': 'Акционные_покупки',
    'categories_a_visit': 'Средний_просмотр_категорий_за_визит',
    'unpaid_items': 'Неоплаченные_продукты_штук_квартал',
    'service_errors': 'Ошибка_сервиса',
    'pages_a_visit': 'Страниц_за_визит',
} -%}
{%- set codes = {
    'activity': 'Покупательская активность',
    'service': 'Тип сервиса',
    'consent': 'Разрешить сообщать',
} -%}
{%- set checks = almanac_id_checks('source.source_id', 'id') -%}
{%- for name, field in codes.items() -%}
    {%- do checks.append((almanac_unknown_code(name, 'source.' ~ name ~ '_text'),
        field ~ " `' || source." ~ name ~ "_text || '` is not in the seed one_click_codes")) -%}
{%- endfor -%}
{%- for name, field in numbers.items() -%}
    {%- do checks.extend(almanac_number_checks('source', name, field)) -%}
{%- endfor -%}
{%- do checks.append((almanac_repeats('source', 'source.source_id'), 'id is repeated')) %}
with source as (
    select
        trim(landed.id) as source_id,
        {%- for name, field in codes.items() %}
        landed."{{ field }}" as {{ name }}_text,
        {{ almanac_code(name, 'landed."' ~ field ~ '"') }} as {{ name }},
        {%- endfor %}
        coalesce({{ almanac_code('category', 'landed."Популярная_категория"') }}, 'other') as favourite_category,
        {%- for name, field in numbers.items() %}
        landed."{{ field }}" as {{ name }}_text,
        {{ decimal_number('landed."' ~ field ~ '"') }} as {{ name }},
        {%- endfor %}
        {{ almanac_marks('landed') }},
    from {{ source('one_click', 'market_file') }} as landed
    {{ join_file('one_click', 'market_file') }}
)

select
    {{ almanac_customer_id('source.source_id') }} as customer_id,
    {{ almanac_snapshot_month('one_click') }} as snapshot_month,
    {%- for name in codes %}
    source.{{ name }},
    {%- endfor %}
    source.favourite_category,
    {%- for name in numbers %}
    source.{{ name }},
    {%- endfor %}
    {{ reject_reason(checks) }} as reject_reason,
    source._file,
    source._row,
    source._line,
from source
{{ join_identities('one_click', 'source.source_id') }}
