{#-
    Which files the rows of a staging model were last judged in, so that a build reads those that changed and no other.
    Filled by the materialization `staged`, for models whose files are judged apart.
-#}
{% macro judged_files_table() -%}
    {{ api.Relation.create(database=target.database, schema='staging', identifier='judged_files') }}
{%- endmacro %}

{% macro create_judged_files_table() %}
    create table if not exists {{ judged_files_table() }} (
        model varchar not null,
        file varchar not null,
        stamp ubigint not null
    )
{% endmacro %}

{#- out: a select of the files of the model's source with their stamps. -#}
{% macro stamps_of_model() -%}
    {%- set read = model.sources | rejectattr(0, 'equalto', 'workspace') | first -%}
    {{ file_stamps(read[0], read[1], false) }}
{%- endmacro %}

{#- out: the files whose rows must be judged; none means all. -#}
{% macro due_files() %}
    {% if not execute or not config.get('meta', {}).get('apart') or should_full_refresh() %}{{ return(none) }}{% endif %}
    {{ return(run_query(
        'select file from (' ~ stamps_of_model() ~ ') where (file, stamp) not in (select file, stamp from '
        ~ judged_files_table() ~ " where model = '" ~ this.identifier ~ "')"
    ).columns[0].values() | list) }}
{% endmacro %}

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
