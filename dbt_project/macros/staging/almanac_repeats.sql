{#-
    Whether an earlier row is about the same customer, whichever of the customer's ids either has.
    in:  the relation, the SQL of its source's own id, further columns of the key; in a query that joins identities
    out: row_number() over (partition by coalesce(identities.customer_id, source.client_id) order by source._file, source._row) > 1
-#}
{% macro almanac_repeats(relation, source_id, further=[]) -%}
    row_number() over (partition by {{ ([almanac_customer_id(source_id)] + further) | join(', ') }} order by {{ relation }}._file, {{ relation }}._row) > 1
{%- endmacro %}
