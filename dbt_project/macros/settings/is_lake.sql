{#- out: whether the models of customers are built in the buckets of a lake in this workspace, whose warehouse shows them as views. -#}
{% macro is_lake() %}
    {% if target.name in ('lake', 'bucket') %}{{ return(false) }}{% endif %}
    {% set settings = api.Relation.create(database=target.database, schema='landed', identifier='workspace__settings') %}
    {{ return(load_relation(settings) is not none and run_query("select 1 from " ~ settings ~ " where name = 'lake'").rows | length > 0) }}
{% endmacro %}
