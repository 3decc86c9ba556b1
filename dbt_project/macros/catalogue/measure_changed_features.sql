{#-
    The post-hook of all models below `features`: measures a family unless neither its rows nor what is measured of them changed.
    What is measured depends on the family's rows, on the source's last complete month and on the statements; a hash of the
    latter two is kept in `intermediate.measured_families`.
    out: the statements of measure_features, and one that keeps the hash; none where nothing changed
-#}
{% macro measure_changed_features() %}
    {%- set statements = measure_features() | trim -%}
    {%- if execute and statements %}
    {%- set meta = model.config.meta -%}
    {%- set version %}(
        select hash('{{ local_md5(statements) }}', max(last_complete_month))
        from {{ ref('int_complete_months') }} where source = '{{ meta.source }}'
    ){% endset -%}
    {%- set same = "select count(*) from " ~ measured_families_table() ~ " where family = '" ~ meta.family ~ "' and version = " ~ version -%}
    {%- if not is_unchanged() or run_query(same).rows[0][0] == 0 %}
    {{ statements }};
    delete from {{ measured_families_table() }} where family = '{{ meta.family }}';
    insert into {{ measured_families_table() }} values ('{{ meta.family }}', {{ version }})
    {%- endif %}
    {%- endif %}
{% endmacro %}
