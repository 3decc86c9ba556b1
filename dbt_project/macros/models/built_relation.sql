{#-
    in:  a node of the graph; what its table's name ends with beyond the node's own
    out: its relation; none where it is not built
-#}
{% macro built_relation(node, ends='') %}
    {{ return(load_relation(api.Relation.create(database=node.database, schema=node.schema, identifier=node.alias ~ ends))) }}
{% endmacro %}
