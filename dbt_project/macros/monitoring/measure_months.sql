{#-
    Measures a family's months that changed, or whose reference did, for monitoring.
    in:  the family's node and the relation of its rows, vectors or columns
    out: the statements that bring the family's rows of feature_months_table() up to date; none where nothing changed, and none that
         measures where no champion reads the family and workspace.yml names no reference
-#}
{% macro measure_months(node, relation) %}
    {%- set meta = node.config.meta -%}
    {%- set names = family_layout(meta) -%}
    {%- set is_vectors = node.config.materialized == 'vectors' -%}
    {%- set row_values = 'vector' if is_vectors else '[' ~ names | join(', ') ~ ']' -%}
    {%- set reference = run_query(monitored_reference(meta.family)).rows[0].values() -%}
    {%- set months = [] -%}
    {%- if none not in reference %}
        {%- set asked = run_query('select ' ~ almanac_setting('monitoring.customers')).rows[0][0] -%}
        {%- set columns = adapter.get_columns_in_relation(relation) | map(attribute='name') | list -%}
        {%- set statement = local_md5(names | join(' ') ~ measured_month('rows', row_values, names | length, 'month', 'from', 'until', asked)) -%}
        {%- set months = run_query(months_to_measure(relation, columns, meta, reference, statement)).rows -%}
    {%- endif %}
    {%- set kept = [] -%}
    {%- for month in months if not month[2] %}{% do kept.append("date '" ~ month[0] ~ "'") %}{% endfor %}
    {%- for table in (feature_months_table(), measured_months_table()) %}
    delete from {{ table }} where family = '{{ meta.family }}'{% if kept %} and feature_month not in ({{ kept | join(', ') }}){% endif %};
    {%- endfor %}
    {%- for month in months if month[2] %}
    insert into {{ feature_months_table() }}
    select
        '{{ meta.family }}' as family,
        ['{{ names | join("', '") }}'][measured.position] as name,
        date '{{ month[0] }}' as feature_month,
        measured.* exclude (position),
    from ({{ measured_month(relation, row_values, names | length, month[0], reference[0], reference[1], asked) }}) as measured;
    insert into {{ measured_months_table() }} values ('{{ meta.family }}', date '{{ month[0] }}', {{ month[1] }});
    {%- endfor %}
{% endmacro %}
