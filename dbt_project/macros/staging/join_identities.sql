{#-
    in:  the source's name, the SQL of its customer id
    out: the left join with `identities` that almanac_customer_id reads
-#}
{% macro join_identities(source_name, source_id) -%}
    left join {{ source('workspace', 'identities') }} as identities
    on identities.source = '{{ source_name }}' and {{ source_id }} = identities.source_id
{%- endmacro %}
