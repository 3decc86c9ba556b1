-- one row a dialogue with the bank's support; no key
{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key='dialog_month',
    on_schema_change='sync_all_columns',
    post_hook="delete from {{ this }} where dialog_month not in (select feature_month from {{ ref('int_mbd_dialog_versions') }})",
) }}
{%- set columns = ['customer_id', 'event_time', '_file', 'dialog_month', 'month_version', 'dialog_version'] -%}
with due as (
    {{ due_dialog_months() }}
),

dialogs as (
    select
        dialogs.customer_id,
        dialogs.event_time,
        dialogs.embedding,
        dialogs._file,
        due.*,
        row_number() over () as dialog,
    from {{ ref('stg_mbd__dialog') }} as dialogs
    inner join due on {{ month_start('dialogs.event_time') }} = due.dialog_month
    where {{ in_due_dialog_files() }}
),

{{ project_dialogs('dialogs', columns) }}

select * from projected
