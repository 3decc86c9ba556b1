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
