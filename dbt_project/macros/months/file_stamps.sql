{#-
    out: a select of the raw files with a hash of all that decides what they say: source, table_name, file, stamp and
         stamp_together, which is another as soon as any file of the table is
-#}
{% macro file_stamps() -%}
    with whose as (
        select hash(count(*), sum(hash(source, source_id, customer_id))) as identities from {{ source('workspace', 'identities') }}
    )

    select
        files.source,
        files.table_name,
        files.file,
        hash(files.bytes, files.modified_ns, files.declaration_hash, whose.identities) as stamp,
        hash(
            files.bytes, files.modified_ns, files.declaration_hash, whose.identities,
            sum(hash(files.file, files.bytes, files.modified_ns)) over (partition by files.source, files.table_name)
        ) as stamp_together,
    from {{ source('workspace', 'files') }} as files
    cross join whose
    where files.bytes > 0
{%- endmacro %}
