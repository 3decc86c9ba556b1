-- one row a partial and month with customers of its source; key: partial, feature_month
-- A partial's meta names its source: `partial_of: mbd`. Its families have a row for every customer here, a month that is
-- built anew where customers or partial change.
-- depends_on: {{ ref('int_customer_months') }}
-- depends_on: {{ ref('int_customer_sources') }}
-- depends_on: {{ ref('int_mbd_dialog_months') }}
-- depends_on: {{ ref('int_mbd_geo_months') }}
-- depends_on: {{ ref('int_mbd_purchase_months') }}
-- depends_on: {{ ref('int_mbd_trx_months') }}
-- depends_on: {{ ref('int_transactions_months') }}
-- depends_on: {{ ref('int_transactions_purchase_gaps') }}{{ own_models() }}
{%- do refuse_unknown_partials() if execute %}
{%- for partial in models_with('partial_of') %}
(
    with {{ family_spine(partial.model, partial.declared) }},

    customers as (
        select
            feature_month,
            count(*) as customers,
            sum(hash(customer_id)) as content,
        from spine
        group by feature_month
    ),

    versions as (
        select
            feature_month,
            any_value(month_version) as month_version,
        from partials
        group by feature_month
    )

    select
        '{{ partial.model }}' as partial,
        customers.feature_month,
        customers.customers,
        customers.content,
        versions.month_version,
    from customers
    left join versions on customers.feature_month = versions.feature_month
)
{{- '\n\nunion all\n' if not loop.last }}
{%- endfor %}
