{#-
    The company-wide customer of a source's own id. `identities.csv` maps ids where sources differ;
    without a line there, the source's id is the customer's.
    in:  the source's name, the text of its id, the alias under which `identities` is joined
    out: customer_id('typed.client_id') after {{ join_identities('mbd', 'typed.client_id') }}
-#}
{% macro customer_id(source_id) -%}
    coalesce(identities.customer_id, {{ source_id }})
{%- endmacro %}

{% macro join_identities(source_name, source_id) -%}
    left join {{ source('workspace', 'identities') }} as identities
    on identities.source = '{{ source_name }}' and {{ source_id }} = identities.source_id
{%- endmacro %}
