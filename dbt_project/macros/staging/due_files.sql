{#- out: the files whose rows must be judged; none means all. -#}
{% macro due_files() %}
    {% if not execute or not config.get('meta', {}).get('apart') or should_full_refresh() %}{{ return(none) }}{% endif %}
    {{ return(run_query(
        'select file from (' ~ stamps_of_model() ~ ') where (file, stamp) not in (select file, stamp from '
        ~ judged_files_table() ~ " where model = '" ~ this.identifier ~ "')"
    ).columns[0].values() | list) }}
{% endmacro %}
