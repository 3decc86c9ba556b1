{#-
    The catalogue of all families, from their specs.
    out: a select of one row a feature whose source table was landed: name, family, relation, description, …
-#}
{% macro feature_rows() %}
    {%- set rows = [] %}
    {%- if execute %}
    {%- for node in graph.nodes.values() | sort(attribute='name') if node.config.get('meta', {}).get('family') %}
    {%- set meta = node.config.meta %}
    {%- for feature in features(meta) %}
    {%- do rows.append(
        "('" ~ [
            feature.name, meta.family, meta.source, meta.table, node.schema ~ '.' ~ node.alias,
            feature.description | replace("'", "''"), feature.aggregation, feature.window,
        ] | join("', '") ~ "')"
    ) %}
    {%- endfor %}
    {%- endfor %}
    {%- endif %}
    select declared.* from (
        values
        {{ rows | join(',\n        ') or "(null, null, null, null, null, null, null, null)" }}
    ) as declared (name, family, source, table_name, relation, description, aggregation, time_window)
{%- endmacro %}
