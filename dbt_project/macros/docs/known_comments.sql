{#- out: a query of each relation of this database: `schema.name`, table or view, its comment, its columns' comments by name as JSON. -#}
{% macro known_comments() -%}
    with relations as (
        select schema_name, table_name, 'table' as kind, comment from duckdb_tables() where database_name = '{{ target.database }}'
        union all
        select schema_name, view_name, 'view' as kind, comment from duckdb_views() where database_name = '{{ target.database }}'
    ),

    columns_of as (
        select
            schema_name,
            table_name,
            to_json(map(list(column_name), list(coalesce(comment, ''))))::varchar as comments,
        from duckdb_columns()
        where database_name = '{{ target.database }}'
        group by schema_name, table_name
    )

    select
        relations.schema_name || '.' || relations.table_name as relation,
        relations.kind,
        coalesce(relations.comment, '') as comment,
        columns_of.comments,
    from relations
    inner join columns_of on relations.schema_name = columns_of.schema_name and relations.table_name = columns_of.table_name
{%- endmacro %}
