{#-
    The labels of one purchase target of the bank.
    in:  the expression of the label over product_1 … product_4
    out: one row a customer and purchase month; features are cut at the first instant of that month
-#}
{% macro product_target(label) -%}
select
    customer_id,
    cast(label_month as timestamp) as event_timestamp,
    cast({{ label }} as integer) as label,
from {{ ref('stg_mbd__targets') }}
{%- endmacro %}
