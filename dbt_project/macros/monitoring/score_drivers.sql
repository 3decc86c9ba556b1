{#-
    Which three features moved the mean log-odds most since the month before, in words.
    out: a select of target, model_id, score_month, drivers (varchar[], the strongest first)
-#}
{% macro score_drivers() -%}
    select
        target,
        model_id,
        score_month,
        list(
            printf('%+.3f of it from %s', change, feature)
            || case when mean_value is distinct from mean_value_before then printf(', whose mean went from %.4g to %.4g', mean_value_before, mean_value) else '' end
            order by abs(change) desc
        ) as drivers,
    from (
        select * from {{ ref('mart_monitoring_attribution') }}
        where feature <> '' and abs(change) > 0
        qualify row_number() over (partition by target, model_id, score_month order by abs(change) desc, feature) <= 3
    ) as strongest
    group by target, model_id, score_month
{%- endmacro %}
