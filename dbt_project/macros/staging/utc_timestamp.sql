{#-
    A time from its text: with an offset (`Z`, `+02:00`) it is moved to UTC, without one it is taken to be UTC.
    in:  the text's column
    out: a timestamp, null where the text is no time (DuckDB's plain cast drops an offset without a word)
-#}
{% macro utc_timestamp(text) -%}
case
            when regexp_matches(trim({{ text }}), ':[0-9.]+ *(Z|[+-][0-9]{2}(:?[0-9]{2})?)$')
                then try_cast(trim({{ text }}) as timestamptz) at time zone 'UTC'
            else try_cast(trim({{ text }}) as timestamp)
        end
{%- endmacro %}
