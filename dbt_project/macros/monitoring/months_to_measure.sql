{#-
    Which months of a family must be measured: of the newest complete ones that are monitored, those whose rows, reference or
    way of being measured changed since.
    in:  the relation of its rows and their columns' names, its meta, its reference (monitored_reference), a hash of the statement
    out: a query of feature_month, version, is_due: a row a month that is monitored
-#}
{% macro months_to_measure(relation, columns, meta, reference, statement) -%}
    {%- set row_version = 'month_version' if 'month_version' in columns else columns | join(', ') -%}
    with complete as (
        select last_complete_month from {{ ref('int_complete_months') }} where source = '{{ meta.source }}'
    ),

    months as (
        select
            feature_month,
            -- A sum: what many rows have in common would cancel out in an xor.
            sum(hash(customer_id, {{ row_version }})) as version,
        from {{ relation }}
        where feature_month <= coalesce((select last_complete_month from complete), feature_month)
        group by feature_month
    ),

    versions as (
        select
            cast(feature_month as date) as feature_month,
            hash(concat_ws(
                ' ',
                version,
                (
                    select string_agg(reference.version, ' ' order by reference.feature_month) from months as reference
                    where reference.feature_month between date '{{ reference[0] }}' and date '{{ reference[1] }}'
                ),
                '{{ reference | join(' ') }}',
                '{{ statement }}'
            )) as version,
        from months
        order by feature_month desc
        limit cast({{ almanac_setting('monitoring.months') }} as integer)
    )

    select
        versions.*,
        kept.version is distinct from versions.version or {{ should_full_refresh() }} as is_due,
    from versions
    left join {{ measured_months_table() }} as kept on kept.family = '{{ meta.family }}' and kept.feature_month = versions.feature_month
    order by versions.feature_month
{%- endmacro %}
