{#-
    The months that a family is compared with: those that the champions that read it learnt from, or `monitoring: {reference: …}`.
    in:  a family
    out: a query of reference_from and reference_until, the first and last month; both null where there is neither
-#}
{% macro monitored_reference(family) -%}
    with reigning as (
        select * from {{ champions_table() }}
        qualify row_number() over (partition by target order by since desc, rowid desc) = 1
    )

    select
        coalesce(try_cast({{ almanac_setting('monitoring.reference_from') }} as date), min(first_month)) as reference_from,
        coalesce(try_cast({{ almanac_setting('monitoring.reference_until') }} as date), max(last_month)) as reference_until,
    from reigning
    where list_contains(families, '{{ family }}')
{%- endmacro %}
