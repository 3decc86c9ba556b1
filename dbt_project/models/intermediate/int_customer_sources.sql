-- one row a customer, source and table of it; key: customer_id, source, table_name
-- A model's meta says that its customers are known to a source, and from which months:
-- `customers: {source: mbd, table: trx, month: feature_month}`.
-- depends_on: {{ ref('int_mbd_dialog_months') }}
-- depends_on: {{ ref('int_mbd_geo_cells') }}
-- depends_on: {{ ref('int_mbd_trx_months') }}
-- depends_on: {{ ref('int_one_click_months') }}
-- depends_on: {{ ref('int_transactions_months') }}
-- depends_on: {{ ref('stg_mbd__targets') }}
-- depends_on: {{ ref('stg_retailtech__sessions') }}{{ own_models() }}
{%- for known in models_with('customers') %}
select
    customer_id,
    '{{ known.declared.source }}' as source,
    '{{ known.declared.table }}' as table_name,
    min({{ known.declared.month }}) as first_month,
    max({{ known.declared.month }}) as last_month,
from {{ ref(known.model) }}
group by customer_id
{{- '\n\nunion all\n' if not loop.last }}
{%- endfor %}
