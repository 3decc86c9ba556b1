{#- in: the files whose rows are judged again, or none for all. Does: drops what was rejected in them and in files that are gone. -#}
{% macro forget_rejects(due) %}
    {% set of_model = " where model = '" ~ this.identifier ~ "'" %}
    {% if due is none %}
        {% do run_query('delete from ' ~ rejects_table() ~ of_model) %}
    {% else %}
        {% do run_query(
            'delete from ' ~ rejects_table() ~ of_model ~ ' and (' ~ in_files(due, 'file') ~ ' or file not in (select file from (' ~ stamps_of_model() ~ ')))'
        ) %}
    {% endif %}
    {% if config.get('meta', {}).get('apart') %}
        {% do run_query('delete from ' ~ judged_files_table() ~ of_model) %}
        {% do run_query('insert into ' ~ judged_files_table() ~ " select '" ~ this.identifier ~ "', file, stamp from (" ~ stamps_of_model() ~ ')') %}
    {% endif %}
{% endmacro %}
