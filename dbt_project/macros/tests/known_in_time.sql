{#- A generic test of a feature table: every row has the time when it is known, and none is known before its month has ended. -#}
{% test known_in_time(model) %}
select customer_id, feature_month, event_timestamp
from {{ model }}
where event_timestamp is null or event_timestamp < feature_month + interval 1 month
{% endtest %}
