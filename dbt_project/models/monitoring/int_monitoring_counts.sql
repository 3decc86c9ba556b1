-- one row a table of a source, month and code; key: source, table_name, feature_month, column_name, value
-- A partial's meta says what is counted: `monitored: {table: …, events: …, files: …}`, and `amount: …`, `codes: […]` where it has them.
-- The column `` is the table as a whole; `customers by amount` are quarters by their mean amount in the twelve months before.
-- depends_on: {{ ref('int_mbd_dialog_months') }}
-- depends_on: {{ ref('int_mbd_dialog_files') }}
-- depends_on: {{ ref('stg_mbd__dialog') }}
-- depends_on: {{ ref('int_mbd_geo_months') }}
-- depends_on: {{ ref('int_mbd_geo_files') }}
-- depends_on: {{ ref('stg_mbd__geo') }}
-- depends_on: {{ ref('int_mbd_trx_months') }}
-- depends_on: {{ ref('int_mbd_trx_files') }}
-- depends_on: {{ ref('stg_mbd__trx') }}
-- depends_on: {{ ref('int_transactions_months') }}
-- depends_on: {{ ref('int_transactions_files') }}
-- depends_on: {{ ref('stg_transactions__events') }}{{ own_models() }}
{{ config(
    materialized='incremental', incremental_strategy='delete+insert', unique_key=['source', 'table_name', 'feature_month'],
    schema='intermediate', access='protected', on_schema_change='sync_all_columns', post_hook='{{ forget_lost_counts() }}'
) }}
with
{%- for each in models_with('monitored') %}
{%- set counted = each.declared %}
{{ each.model }}_versions as (
    select
        feature_month,
        string_agg(distinct file, ', ' order by file) as files,
        hash(list(content order by file)) as content,
    from {{ ref(counted.files) }}
    group by feature_month
),

{{ each.model }}_due as (
    select
        feature_month,
        files,
        -- Quarters of customers look back on twelve months.
        hash(list(content) over (order by feature_month rows between 12 preceding and current row)) as month_version,
    from {{ each.model }}_versions
    {%- if is_incremental() %}
    qualify (feature_month, month_version) not in (
        select (built.feature_month, built.month_version) from {{ this }} as built where built.table_name = '{{ counted.table }}'
    )
    {%- endif %}
),

{{ each.model }}_counted as (
    {{ monitored_counts(each.model, counted, each.model ~ '_due') }}
),
{% endfor %}
every as (
    {%- for each in models_with('monitored') %}
    {{ 'union all' if not loop.first }}
    select '{{ source_of_partial(each.model) }}' as source, '{{ each.declared.table }}' as table_name, * from {{ each.model }}_counted
    {%- endfor %}
)

select
    source,
    table_name,
    feature_month,
    column_name,
    value,
    rows,
    customers,
    largest,
    log_amount,
    log_amount_deviation,
    amounts,
    files,
    month_version,
from every
