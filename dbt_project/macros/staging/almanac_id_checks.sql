{#-
    Why a row's customer id cannot be accepted. in: the SQL of the id, the field's name in the file.
    out: pairs of a condition and a reason, for reject_reason
-#}
{% macro almanac_id_checks(source_id, field) %}
    {{ return([
        ('coalesce(' ~ source_id ~ ", '') = ''", field ~ ' is empty'),
        ('regexp_matches(' ~ source_id ~ ", '[\\p{Cc}\\p{Cf}]')", field ~ ' holds a control character'),
    ]) }}
{% endmacro %}
