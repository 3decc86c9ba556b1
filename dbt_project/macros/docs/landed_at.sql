{#-
    For `dbt source freshness`: when the newest raw file of a source's table was last modified (UTC), as landing found it.
    in:  the source's relation
    out: a query of one timestamp; null where the table has no file
-#}
{% macro landed_at(relation) -%}
    select make_timestamp(max(modified_ns) // 1000) as modified_at
    from landed.files
    where source || '__' || table_name = '{{ relation.identifier }}' and file <> ''
{%- endmacro %}
