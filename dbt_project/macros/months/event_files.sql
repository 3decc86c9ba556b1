{#-
    The model that knows which months of events each raw file holds, and in which version: a build reads the files that
    changed, and no other, to find out what it must do.
    in:  the source, its table, the staging model of its events; `together` where what one file holds decides which rows of
         another are accepted (repeated rows): then a changed file is one more reason to read the others
    out: file, feature_month, stamp (of file, its declaration and the company's identities), events, customers, content
-#}
{% macro event_files(source_name, table_name, staging, together=false) -%}
{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key='file',
    post_hook="{{ forget_lost_files('" ~ source_name ~ "', '" ~ table_name ~ "', " ~ together ~ ") }}",
) }}
with stamps as (
    {{ stamps_of_table(source_name, table_name, together) }}
) /* files there are */,

events as (
    select
        *,
        {{ month_start('event_time') }} as feature_month,
    from {{ ref(staging) }}
    where {{ in_new_files(stamps_of_table(source_name, table_name, together)) }}
)

select
    events._file as file,
    events.feature_month,
    any_value(stamps.stamp) as stamp,
    count(*) as events,
    approx_count_distinct(events.customer_id) as customers,
    sum(hash(events)) as content,
from events
inner join stamps on events._file = stamps.file
group by events._file, events.feature_month
{%- endmacro %}
