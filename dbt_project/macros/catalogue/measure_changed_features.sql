{#-
    The post-hook of all models below `features`: measures a family unless neither its rows nor what is measured of them changed.
    What is measured depends on the family's rows, on its spec, on the source's last complete month and on how a feature is
    measured; a hash of the latter three is kept in `intermediate.measured_families`.
    out: the statements of measure_features, and one that keeps the hash; none where nothing changed
-#}
{% macro measure_changed_features() %}
    {%- set meta = model.config.get('meta', {}) -%}
    {%- set complete_months = ref('int_complete_months') -%}
    {%- if execute and meta.get('family') %}
    {%- set version %}(
        select hash('{{ local_md5(tojson(meta) ~ measure_features(this, meta, ['any'], complete_months)) }}', max(last_complete_month))
        from {{ complete_months }} where source = '{{ meta.source }}'
    ){% endset -%}
    {%- set same = "select count(*) from " ~ measured_families_table() ~ " where family = '" ~ meta.family ~ "' and version = " ~ version -%}
    {%- if not is_unchanged() or run_query(same).rows[0][0] == 0 %}
    {{ measure_features(this, meta, family_layout(meta), complete_months) }};
    delete from {{ measured_families_table() }} where family = '{{ meta.family }}';
    insert into {{ measured_families_table() }} values ('{{ meta.family }}', {{ version }})
    {%- endif %}
    {%- endif %}
{% endmacro %}
