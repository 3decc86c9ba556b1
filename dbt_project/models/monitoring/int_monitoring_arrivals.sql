-- one row a table, month and reason for which rows did not come as they should; key: source, table_name, feature_month, column_name, value
-- A row that was set aside has no time that can be trusted: it counts in the newest month of its file. So do late rows: those of a
-- month that files which end with it had brought before, most of it: of files divided by customers, some end sooner than others.
{{ config(materialized='view', schema='intermediate', access='protected') }}
-- depends_on: {{ ref('int_mbd_dialog_files') }}
-- depends_on: {{ ref('stg_mbd__dialog') }}
-- depends_on: {{ ref('int_mbd_geo_files') }}
-- depends_on: {{ ref('stg_mbd__geo') }}
-- depends_on: {{ ref('int_mbd_trx_files') }}
-- depends_on: {{ ref('stg_mbd__trx') }}
-- depends_on: {{ ref('int_transactions_files') }}
-- depends_on: {{ ref('stg_transactions__events') }}{{ own_models() }}
with files as (
    {%- for each in models_with('monitored') %}
    {{ 'union all' if not loop.first }}
    select
        '{{ source_of_partial(each.model) }}' as source,
        '{{ each.declared.table }}' as table_name,
        '{{ each.declared.events }}' as model,
        file,
        feature_month,
        events,
        max(feature_month) over (partition by file) as last_month,
    from {{ ref(each.declared.files) }}
    {%- endfor %}
),

rejected as (
    select
        files.source,
        files.table_name,
        files.feature_month,
        'set aside' as column_name,
        rejects.reason as value,
        count(*) as rows,
    from {{ rejects_table() }} as rejects
    inner join files on rejects.file = files.file and rejects.model = files.model and files.feature_month = files.last_month
    group by all
),

closed as (
    select source, table_name, feature_month
    from files
    group by all
    having 2 * sum(events * cast(feature_month = last_month as integer)) >= sum(events)
),

late as (
    select
        files.source,
        files.table_name,
        files.last_month as feature_month,
        'late' as column_name,
        'rows of months before' as value,
        cast(sum(files.events) as bigint) as rows,
    from files
    inner join closed
        on files.source = closed.source and files.table_name = closed.table_name and files.feature_month = closed.feature_month
    where files.feature_month < files.last_month
    group by all
)

select * from rejected
union all
select * from late
