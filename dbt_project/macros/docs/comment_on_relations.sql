{#-
    For on-run-end: what dbt says of the models and seeds that were built, and of their columns, becomes their comments in the
    warehouse, where every client finds them, and `dbt docs generate` too.
    out: the statements that write what differs, as one transaction; none where every comment stands
-#}
{% macro comment_on_relations(results) %}
    {%- set built = results | selectattr('status', 'equalto', 'success') | map(attribute='node')
        | selectattr('resource_type', 'in', ['model', 'seed']) | list -%}
    {%- set statements = [] -%}
    {%- if execute and built -%}
    {%- set known = {} -%}
    {%- for row in run_query(known_comments()).rows %}{% do known.update({row[0]: row}) %}{% endfor -%}
    {%- for node in built if node.schema ~ '.' ~ node.alias in known -%}
        {%- set row = known[node.schema ~ '.' ~ node.alias] -%}
        {%- set columns = fromjson(row[3]) -%}
        {%- if node.description.strip() != row[2] -%}
            {%- do statements.append('comment on ' ~ row[1] ~ ' ' ~ node.relation_name ~ ' is ' ~ quoted_text(node.description)) -%}
        {%- endif -%}
        {%- for column in node.columns.values() if column.description.strip() != columns.get(column.name, column.description.strip()) -%}
            {%- do statements.append(
                'comment on column ' ~ node.relation_name ~ '.' ~ adapter.quote(column.name) ~ ' is ' ~ quoted_text(column.description)
            ) -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- endif -%}
    {{ 'begin; ' ~ statements | join('; ') ~ '; commit' if statements }}
{% endmacro %}

{#- in: words. out: them as a literal of SQL, without white space around them. -#}
{% macro quoted_text(words) -%}
    '{{ words.strip() | replace("'", "''") }}'
{%- endmacro %}
