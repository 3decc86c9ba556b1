{#- in: a select of files with stamps. out: those that this model has not read yet; none means all. -#}
{% macro new_files(stamps) %}
    {% if execute and is_incremental() %}
        {{ return(run_query('select file from (' ~ stamps ~ ') where (file, stamp) not in (select file, stamp from ' ~ this ~ ')').columns[0].values() | list) }}
    {% endif %}
    {{ return(none) }}
{% endmacro %}
