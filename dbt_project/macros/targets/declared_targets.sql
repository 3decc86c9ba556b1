{#-
    The targets that models declare in their `config.meta`; those of workspace.yml are in the source `workspace.responses`.
    out: a select of one row a target: target, description, horizon_months (1 where the meta names none)
-#}
{% macro declared_targets() %}
    {%- set rows = [] %}
    {%- if execute %}
    {%- for node in graph.nodes.values() | sort(attribute='name') if node.config.get('meta', {}).get('target') %}
    {%- set meta = node.config.meta %}
    {%- set words = node.description.split() | join(' ') | replace("'", "''") %}
    {%- do rows.append("('" ~ meta.target ~ "', '" ~ words ~ "', " ~ meta.get('horizon_months', 1) ~ ')') %}
    {%- endfor %}
    {%- endif %}
    select
        named.target,
        named.description,
        cast(named.horizon_months as integer) as horizon_months,
    from (
        values
        {{ rows | join(',\n        ') or '(null, null, null)' }}
    ) as named (target, description, horizon_months)
    where named.target is not null
{%- endmacro %}
