-- one row a customer and label month; key: customer_id, event_timestamp
{{ product_target('greatest(product_1, product_2, product_3, product_4)') }}
