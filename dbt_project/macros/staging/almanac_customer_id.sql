{#-
    The company-wide customer of a source's own id. `identities.csv` maps ids where sources differ;
    without a line there, the source's id is the customer's.
    in:  the SQL of the source's own id, in a query that has {{ join_identities('mbd', 'source.client_id') }}
    out: coalesce(identities.customer_id, source.client_id)
-#}
{% macro almanac_customer_id(source_id) -%}
    coalesce(identities.customer_id, {{ source_id }})
{%- endmacro %}
