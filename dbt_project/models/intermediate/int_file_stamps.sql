-- one row a raw file of a source's table; key: source, table_name, file
{{ config(materialized='view') }}
{{ file_stamps() }}
