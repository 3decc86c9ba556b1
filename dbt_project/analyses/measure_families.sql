-- Statements that measure every family anew, each after its relation; a lake runs those of the families that changed.
{%- if execute %}
{%- for node in graph.nodes.values() | selectattr('resource_type', 'equalto', 'model') | sort(attribute='name') if node.config.get('meta', {}).get('family') %}
/* family {{ node.schema }}.{{ node.alias }} */
{{ measure_features(
    api.Relation.create(database=node.database, schema=node.schema, identifier=node.alias),
    node.config.meta, family_layout(node.config.meta), ref('int_complete_months')
) }};
{%- endfor %}
{%- endif %}
-- depends_on: {{ ref('int_complete_months') }}
