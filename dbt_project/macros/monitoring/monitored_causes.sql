{#-
    What changed at the source of each feature that is warned of or alarmed, in the months that its window reaches back or since its
    reference.
    A change of the feature's own code goes before others, then an alarm before a warning, codes before quarters of customers,
    a later change before an earlier, a larger before a smaller.
    in:  the CTE `judged`
    out: a select of feature, month, cause
-#}
{% macro monitored_causes() -%}
    select
        judged.name as feature,
        judged.feature_month as month,
        arg_max(
            sources.finding,
            {
                'own': sources.column_name <> '' and (
                    contains(judged.name || '__', '__' || sources.column_name || '_' || lower(sources.value) || '__')
                    or (contains(judged.name, '__' || sources.column_name || '_other') and sources.kind in ('new', 'renamed'))
                ),
                'alarmed': sources.kind <> 'drift',
                'is_code': sources.column_name <> 'customers by amount',
                'month': sources.feature_month,
                'strength': sources.strength
            }
        ) as cause,
    from judged
    inner join {{ ref('mart_monitoring_sources') }} as sources
        on
            judged.source = sources.source
            and judged.table_name = sources.table_name
            and sources.kind is not null
            and sources.feature_month <= judged.feature_month
            and sources.feature_month > least(judged.feature_month - to_months(coalesce(judged.reach, 12)), judged.reference_until)
    where judged.status in ('alarmed', 'warned')
    group by judged.name, judged.feature_month
{%- endmacro %}
