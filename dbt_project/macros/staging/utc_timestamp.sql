{#-
    A time from its text in ISO 8601: `2024-01-05`, or with `T` or a blank `10:00`, `10:00:00`, `10:00:00.123`. With an offset
    (`Z`, `+02`, `+02:00`, `+0200`) it is moved to UTC, without one it is taken to be UTC. Landing makes the SQL macro of this
    name in the warehouse (ml/landing/times.py), for it reads times from text too.
    in:  the text's column
    out: a timestamp, null where the text is anything else
-#}
{% macro utc_timestamp(text) -%}
    landed.utc_timestamp({{ text }})
{%- endmacro %}
