{#-
    Warns where the newest month of a source is more than a month after the one before it: one wrong time would make all months
    between them complete. in: the node of the model that knows which months each raw file holds (event_files)
-#}
{% macro tell_of_a_jump(node) %}
    {% set months = run_query(
        'select feature_month::varchar, string_agg(distinct file, \', \' order by file), sum(events) from ' ~ node.relation_name
        ~ ' group by feature_month order by feature_month desc limit 2'
    ).rows %}
    {% if months | length == 2 and modules.datetime.date.fromisoformat(months[1][0]) + modules.datetime.timedelta(days=62) < modules.datetime.date.fromisoformat(months[0][0]) %}
        {% do print(
            'Warning: ' ~ node.name.removeprefix('int_').removesuffix('_files') ~ ': the newest month, ' ~ months[0][0][:7] ~ ' (' ~ months[0][2]
            ~ ' rows of ' ~ months[0][1] ~ '), comes after a gap: the month before it with any row is ' ~ months[1][0][:7]
            ~ '. If its times are wrong, correct the file, then: dbt build'
        ) %}
    {% endif %}
{% endmacro %}
