-- one row a source and table of it with customers; key: source, table_name
select
    source,
    table_name,
    min(first_month) as first_month,
    max(last_month) as last_month,
from {{ ref('int_customer_sources') }}
group by source, table_name
