{#-
    A number from its text. One decimal sign holds for a whole file, which landing finds; the other sign may part thousands. Landing
    makes the SQL macro of this name in the warehouse (ml/landing/decimals.py).
    in:  the text's column, in a query that has {{ join_file('transactions', 'events') }}
    out: a finite double; null where the text is anything else
-#}
{% macro decimal_number(text) -%}
    landed.decimal_number({{ text }}, files.decimal_sign)
{%- endmacro %}
