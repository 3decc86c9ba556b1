{#- A generic test of a staging model: every row read is either accepted or kept in staging.rejects with a reason. -#}
{% test accounted_for(model, read) %}
with counts as (
    select
        (select count(*) from {{ read }}) as read,
        (select count(*) from {{ model }}) as accepted,
        (select count(*) from {{ rejects_table() }} where model = '{{ model.identifier }}') as rejected,
)

select * from counts where read <> accepted + rejected
{% endtest %}
