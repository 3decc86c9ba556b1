{#-
    Why a row's time cannot be accepted: it is none, or it is earlier than `earliest_time` of the workspace, or later than its
    source's files could know: a day after the latest of their times of change and of the moment they were landed.
    in:  almanac_time_checks('source', 'event_time', 'transactions', 'events'): the relation, its column,
         the landed source, its table, and the field's name in the file where it is another
    out: pairs of a condition and a reason, for reject_reason
-#}
{% macro almanac_time_checks(relation, column, source_name, table_name, field=none) %}
    {% set field = field or column %}
    {% set time = relation ~ '.' ~ column %}
    {% set earliest = 'cast(' ~ almanac_setting('earliest_time') ~ ' as timestamp)' %}
    {% set latest = almanac_latest_time(source_name, table_name) %}
    {{ return([
        (time ~ ' is null', field ~ ' is not a time'),
        (time ~ ' < ' ~ earliest, field ~ " is before ' || " ~ almanac_setting('earliest_time') ~ " || ' (earliest_time)"),
        (time ~ ' > ' ~ latest, field ~ ' is in the future of its file'),
    ]) }}
{% endmacro %}
