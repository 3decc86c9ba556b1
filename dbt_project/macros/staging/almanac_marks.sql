{#-
    The marks that a staging model hands on beside its columns: where the row stood, why landing could not divide it,
    and the row itself as it was read, so that a rejected row keeps what it said before any cast.
    in:  the alias of a landed relation
    out: landed._file, landed._row, landed._error, coalesce(landed._line, <the row as JSON, marks aside>) as _line
-#}
{% macro almanac_marks(landed) -%}
    {{ landed }}._file,
        {{ landed }}._row,
        {{ landed }}._error,
        coalesce({{ landed }}._line, cast(json_merge_patch(to_json({{ landed }}), '{"_file": null, "_row": null, "_error": null, "_line": null}') as varchar)) as _line
{%- endmacro %}
