{#- out: whether the SQL is compiled for the buckets of a lake, where what is built is known only when it runs. -#}
{% macro in_lake() %}
    {{ return(target.name == 'lake') }}
{% endmacro %}
