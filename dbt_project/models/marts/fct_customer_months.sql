-- one row a customer and calendar month since first seen; key: customer_id, feature_month
-- A model of customer-months says in its meta which of its columns stand here, under which name:
-- `customer_months: {transactions: event__count, amount: amount__sum}`. A count is 0 where a source has no row.
-- depends_on: {{ ref('int_mbd_dialog_months') }}
-- depends_on: {{ ref('int_mbd_geo_months') }}
-- depends_on: {{ ref('int_mbd_trx_months') }}
-- depends_on: {{ ref('int_one_click_months') }}
-- depends_on: {{ ref('int_transactions_months') }}{{ own_models() }}
{%- set sources = models_with('customer_months') %}
with spine as (
    select * from {{ ref('int_customer_months') }}
)

select
    spine.customer_id,
    spine.feature_month,
    spine.is_complete,
    {%- for seen in sources %}
    {%- for name, column in seen.declared.items() %}
    {%- if column.endswith('__count') %}
    cast(coalesce({{ seen.model }}.{{ column }}, 0) as bigint) as {{ name }},
    {%- else %}
    {{ seen.model }}.{{ column }}{{ ' as ' ~ name if name != column }},
    {%- endif %}
    {%- endfor %}
    {%- endfor %}
from spine
{%- for seen in sources %}
left join {{ ref(seen.model) }} as {{ seen.model }}
    on spine.customer_id = {{ seen.model }}.customer_id and spine.feature_month = {{ seen.model }}.feature_month
{%- endfor %}
