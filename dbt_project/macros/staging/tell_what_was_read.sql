{#-
    For on-run-end: one line on what staging read in this run, and what it set aside with the most frequent reasons. Rows are
    counted as landed; each is accepted or set aside (the test accounted_for). Printed even where dbt is quiet; nothing where no
    staging model ran.
-#}
{% macro tell_what_was_read(results) %}
    {% if not execute %}{{ return('') }}{% endif %}
    {% set counts, names = [], [] %}
    {% for result in results if result.node.resource_type == 'model' and result.node.config.materialized == 'staged' %}
        {% do names.append("'" ~ result.node.name ~ "'") %}
        {% for source in result.node.sources if source[0] != 'workspace' %}
            {% do counts.append(
                "select '" ~ source[0] ~ "' as source, (select count(*) from " ~ builtins.source(source[0], source[1]) ~ ') as rows, ('
                ~ "select count(*) from landed.files where source = '" ~ source[0] ~ "' and table_name = '" ~ source[1]
                ~ "' and file <> '') as files"
            ) %}
        {% endfor %}
    {% endfor %}
    {% if not counts %}{{ return('') }}{% endif %}
    {% set read = run_query(
        "select sum(files), sum(rows), string_agg(distinct source, ', ' order by source) from (" ~ counts | join(' union all ') ~ ') where files > 0'
    ).rows[0] %}
    {% set reasons = run_query(
        'select reason, count(*) as times from ' ~ rejects_table() ~ ' where model in (' ~ names | join(', ') ~ ') group by reason order by times desc, reason'
    ).rows %}
    {% set aside = reasons | map(attribute=1) | sum %}
    {% set told = [] %}
    {% for reason in reasons[:3] %}{% do told.append(reason[0] ~ ' (' ~ '{:,}'.format(reason[1]) ~ ')') %}{% endfor %}
    {% set line = 'Read ' ~ '{:,}'.format(read[0] or 0) ~ (' file of ' if read[0] == 1 else ' files of ') ~ (read[2] or 'no source') ~ ': ' ~ '{:,}'.format(read[1] or 0) ~ ' rows, '
        ~ '{:,}'.format((read[1] or 0) - aside) ~ ' accepted, ' ~ '{:,}'.format(aside) ~ ' set aside' %}
    {% if aside %}
        {% set line = line ~ ': ' ~ told | join(', ') ~ (', …' if reasons | length > 3 else '') ~ '. See: ml rejects' %}
    {% endif %}
    {% do print(line) %}
    {% for result in results if result.node.resource_type == 'model' and result.node.name.endswith('_files') %}
        {% do tell_of_a_jump(result.node) %}
    {% endfor %}
{% endmacro %}
