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
    {{ file_stamps(source_name, table_name, together) }}
),

events as (
    select
        *,
        {{ month_start('event_time') }} as feature_month,
    from {{ ref(staging) }}
    where {{ in_files(new_files(file_stamps(source_name, table_name, together))) }}
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

{#- in: a source, its table. out: a select of its raw files with a hash of all that decides what they say. -#}
{% macro file_stamps(source_name, table_name, together) -%}
    with whose as (
        select hash(count(*), sum(hash(source, source_id, customer_id))) as identities from {{ source('workspace', 'identities') }}
    )

    select
        files.file,
        hash(
            files.bytes, files.modified_ns, files.declaration_hash, whose.identities
            {%- if together %}, sum(hash(files.file, files.bytes, files.modified_ns)) over (){% endif %}
        ) as stamp,
    from {{ source('workspace', 'files') }} as files
    cross join whose
    where files.source = '{{ source_name }}' and files.table_name = '{{ table_name }}' and files.bytes > 0
{%- endmacro %}

{% macro forget_lost_files(source_name, table_name, together) %}
    delete from {{ this }} where (file, stamp) not in ({{ file_stamps(source_name, table_name, together) }})
{% endmacro %}

{#- in: a select of files with stamps. out: those that this model has not read yet; none means all. -#}
{% macro new_files(stamps) %}
    {% if execute and is_incremental() %}
        {{ return(run_query('select file from (' ~ stamps ~ ') where (file, stamp) not in (select file, stamp from ' ~ this ~ ')').columns[0].values() | list) }}
    {% endif %}
    {{ return(none) }}
{% endmacro %}

{#- in: a list of files, or none for all. out: a condition on `_file` that lets the reader leave the other files closed. -#}
{% macro in_files(files, column='_file') -%}
    {%- if files is none -%}
        true
    {%- elif not files -%}
        false
    {%- else -%}
        {{ column }} in ('{{ files | map('replace', "'", "''") | join("', '") }}')
    {%- endif -%}
{%- endmacro %}
