-- one row a table, month and reason for which rows were set aside; key: source, table_name, feature_month, value
-- A row that was set aside has no time that can be trusted: it counts in the newest month of its file.
{{ config(materialized='view', schema='intermediate', access='protected') }}
-- depends_on: {{ ref('int_mbd_trx_files') }}
-- depends_on: {{ ref('stg_mbd__trx') }}
-- depends_on: {{ ref('int_transactions_files') }}
-- depends_on: {{ ref('stg_transactions__events') }}{{ own_models() }}
with
{%- for each in models_with('monitored') %}
{{ each.model }}_rejects as (
    select
        '{{ source_of_partial(each.model) }}' as source,
        '{{ each.declared.table }}' as table_name,
        files.feature_month,
        rejects.reason as value,
        count(*) as rows,
    from {{ rejects_table() }} as rejects
    inner join (select file, max(feature_month) as feature_month from {{ ref(each.declared.files) }} group by file) as files on rejects.file = files.file
    where rejects.model = '{{ each.declared.events }}'
    group by files.feature_month, rejects.reason
),
{% endfor %}
every as (
    {%- for each in models_with('monitored') %}
    {{ 'union all' if not loop.first }} select * from {{ each.model }}_rejects
    {%- endfor %}
)

select
    source,
    table_name,
    feature_month,
    'set aside' as column_name,
    value,
    rows,
from every
