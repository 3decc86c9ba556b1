{#-
    Why a row's number cannot be accepted: its text is none, it is too large to be summed, or below zero where that cannot be.
    in:  almanac_number_checks('source', 'amount', 'amount', needed=true): the relation, the number's column, the field's name in
         the file; `needed` where the field may not be empty (else the relation has the text as <column>_text); `signed` where
         it may be below zero
    out: pairs of a condition and a reason, for reject_reason
-#}
{% macro almanac_number_checks(relation, column, field, needed=false, signed=false) %}
    {% set number = relation ~ '.' ~ column %}
    {% set unreadable = number ~ ' is null' if needed else number ~ " is null and trim(" ~ number ~ "_text) <> ''" %}
    {% set checks = [
        (unreadable, field ~ ' is not a number'),
        ('not (abs(' ~ number ~ ') < 1e15)', field ~ ' is 1e15 or more'),
    ] %}
    {% if not signed %}{% do checks.append((number ~ ' < 0', field ~ ' is below zero')) %}{% endif %}
    {{ return(checks) }}
{% endmacro %}
