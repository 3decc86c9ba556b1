{#-
    Why a staged row cannot be accepted: the first condition that holds; null accepts the row.
    in:  reject_reason([('amount is null', 'amount is not a number')])
    out: case when _error is not null then _error when amount is null then 'amount is not a number' end
-#}
{% macro reject_reason(conditions) -%}
    case
        when _error is not null then _error
        {%- for condition, reason in conditions %}
        when {{ condition }} then '{{ reason }}'
        {%- endfor %}
    end
{%- endmacro %}
