-- one row a response target, customer and day; key: response, customer_id, event_timestamp
select
    responses.response,
    labels.customer_id,
    labels.event_time as event_timestamp,
    labels.label,
from {{ ref('stg_responses__labels') }} as labels
inner join {{ source('workspace', 'responses') }} as responses on labels._file = responses.file
