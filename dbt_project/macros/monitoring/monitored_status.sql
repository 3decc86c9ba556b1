{#-
    Silences: an alarm or a warning whose name a rule of workspace.yml silences until a day is `silenced`.
    in:  the expression of the status; the names that a rule may name it by
    out: an expression; the day that counts is that of the build
-#}
{% macro monitored_status(status, names) -%}
    case
        when {{ status }} in ('warned', 'alarmed') and exists (
            select 1 from {{ source('workspace', 'monitoring') }} as rules
            where rules.kind = 'silence' and rules.until >= current_date and ({% for name in names %}{{ ' or ' if not loop.first }}{{ name }} glob rules.pattern{% endfor %})
        ) then 'silenced'
        else {{ status }}
    end
{%- endmacro %}
