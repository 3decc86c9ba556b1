{#- in: the name of a model below `intermediate`, an aggregate. out: the number of its rows, or what the aggregate says. -#}
{% macro count_rows(model_name, aggregate='count(*)') %}
    {% set counted = api.Relation.create(database=this.database, schema='intermediate', identifier=model_name) %}
    {{ return(run_query('select coalesce(' ~ aggregate ~ ', 0) from ' ~ counted).rows[0][0] | int) }}
{% endmacro %}
