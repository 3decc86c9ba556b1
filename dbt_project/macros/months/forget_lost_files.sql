{#-
    Drops the rows of files that are gone or have another stamp; they are read again if they are still there.
    in:  the source, its table, `together` as in event_files
    out: a delete statement, for a post-hook
-#}
{% macro forget_lost_files(source_name, table_name, together) %}
    delete from {{ this }} where (file, stamp) not in ({{ stamps_of_table(source_name, table_name, together) }})
{% endmacro %}
