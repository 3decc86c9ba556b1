{#- out: whether the model is the one that note_unchanged found to be as built. -#}
{% macro is_unchanged() %}
    {{ return(execute and run_query("select getvariable('unchanged')").rows[0][0] == model.name) }}
{% endmacro %}
