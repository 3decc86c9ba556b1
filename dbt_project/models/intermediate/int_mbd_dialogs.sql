-- one row a dialogue with the bank's support; no key
{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key='dialog_month',
    on_schema_change='sync_all_columns',
    post_hook="delete from {{ this }} where dialog_month not in (select feature_month from {{ ref('int_mbd_dialog_versions') }})",
) }}
{%- set increment = almanac_is_increment(this) -%}
{%- set columns = ['customer_id', 'event_time', '_file', 'dialog_month', 'month_version', 'dialog_version'] -%}
with versions as (
    select
        feature_month,
        any_value(dialog_version) as dialog_version,
        hash(sum(content)) as month_version,
    from {{ ref('int_mbd_dialog_versions') }}
    group by feature_month
),

{{ changed_versions(this, increment, 'dialog_month') }},

dialogs as (
    select
        dialogs.customer_id,
        dialogs.event_time,
        dialogs.embedding,
        dialogs._file,
        changed.feature_month as dialog_month,
        changed.dialog_version,
        changed.month_version,
        row_number() over () as dialog,
    from {{ ref('stg_mbd__dialog') }} as dialogs
    inner join changed on {{ month_start('dialogs.event_time') }} = changed.feature_month
    where {{ in_dialog_files(increment) }}
),

{{ project_dialogs('dialogs', columns) }}

select * from projected
