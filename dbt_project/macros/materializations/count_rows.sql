{#- in: the name of a model below `intermediate`, an aggregate. out: the number of its rows, or what the aggregate says. -#}
{% macro count_rows(model_name, aggregate='count(*)') %}
    {# Of a model that it depends on, ref knows the place, which may be another database (--defer). #}
    {% set depends = 'model.almanac.' ~ model_name in model.depends_on.nodes %}
    {% set counted = ref(model_name) if depends else api.Relation.create(database=this.database, schema='intermediate', identifier=model_name) %}
    {{ return(run_query('select coalesce(' ~ aggregate ~ ', 0) from ' ~ counted).rows[0][0] | int) }}
{% endmacro %}
