{#-
    The catalogue of all families, from their specs.
    out: a select of one row a feature: name, family, domain, source, table_name, relation, spec, position, …
-#}
{% macro feature_rows() %}
    {%- set rows = [] %}
    {%- if execute %}
    {%- for node in graph.nodes.values() | sort(attribute='name') if node.config.get('meta', {}).get('family') %}
    {%- set meta = node.config.meta %}
    {%- set spec = (node.patch_path or node.original_file_path).split('://')[-1] %}
    {%- set spec = spec if node.package_name == project_name else 'dbt_packages/' ~ node.package_name ~ '/' ~ spec %}
    {%- for feature in almanac_features(meta) %}
    {%- do rows.append(
        "('" ~ [
            feature.name, meta.family, meta.get('domain', meta.family), meta.source, meta.table,
            node.schema ~ '.' ~ node.alias, spec,
            feature.description | replace("'", "''"), feature.aggregation, feature.window,
            'float' if node.config.materialized == 'vectors' else 'double',
        ] | join("', '") ~ "', " ~ loop.index ~ ')'
    ) %}
    {%- endfor %}
    {%- endfor %}
    {%- endif %}
    select
        declared.name,
        declared.family,
        declared.domain,
        declared.source,
        declared.table_name,
        declared.relation,
        declared.spec,
        cast(declared.position as integer) as position,
        declared.description,
        declared.aggregation,
        declared.time_window,
        declared.dtype,
    from (
        values
        {{ rows | join(',\n        ') or '(' ~ (['null'] * 12) | join(', ') ~ ')' }}
    ) as declared (
        name, family, domain, source, table_name, relation, spec, description, aggregation, time_window, dtype, position
    )
    where declared.name is not null
{%- endmacro %}
