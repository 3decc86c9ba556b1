{#-
    Whether a model adds months to what is built; else it is built from nothing: at first, on --full-refresh, and where its
    columns are no longer those that the specs ask for. A lake always adds: to nothing at first. Unit tests override it.
    in:  the relation of the model's rows; the columns that the specs ask for, in order, or none where no spec decides them
    out: true or false
-#}
{% macro almanac_is_increment(rows, columns=none) %}
    {% if in_lake() %}{{ return(true) }}{% endif %}
    {% if not execute or should_full_refresh() or load_relation(this) is none or load_relation(rows) is none %}
        {{ return(false) }}
    {% endif %}
    {% if not columns %}{{ return(true) }}{% endif %}
    {% set built = run_query('describe ' ~ this).columns[0].values() | reject('in', ['customer_id', 'feature_month', 'event_timestamp', 'month_version']) | list %}
    {{ return(built == columns) }}
{% endmacro %}
