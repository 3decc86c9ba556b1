{#-
    The marks that a staging model hands on beside its columns: where the row stood, why landing could not divide it,
    and the row itself as it was read, so that a rejected row keeps what it said before any cast.
    in:  the alias of a landed relation
    out: landed._file, landed._row, landed._error, coalesce(landed._line, to_json(landed)) as _line
-#}
{% macro marks(landed) -%}
    {{ landed }}._file,
        {{ landed }}._row,
        {{ landed }}._error,
        coalesce({{ landed }}._line, cast(to_json({{ landed }}) as varchar)) as _line
{%- endmacro %}
