-- one row a customer and label month; key: customer_id, event_timestamp
{{ product_target('product_4') }}
