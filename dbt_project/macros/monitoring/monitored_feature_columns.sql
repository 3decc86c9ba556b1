{#-
    The columns of mart_monitoring_features.
    in:  its CTEs `judged` and `causes`
    out: a list of expressions
-#}
{% macro monitored_feature_columns() -%}
    judged.name,
    judged.family,
    judged.source,
    judged.table_name,
    judged.feature_month,
    {{ monitored_status('judged.status', ['judged.name', 'judged.family', 'judged.source']) }} as status,
    judged.rule,
    judged.is_step_judged,
    judged.is_drift_judged,
    {%- for column in [
        'rows', 'null_share', 'mean', 'deviation', 'quantiles', 'bins', 'reference_from', 'reference_until', 'reference_rows',
        'reference_null_share', 'reference_mean', 'reference_deviation', 'reference_quantiles', 'reference_bins', 'edges', 'psi',
        'psi_noise', 'jensen_shannon', 'ks', 'ks_noise', 'wasserstein', 'wasserstein_noise', 'wasserstein_step', 'step_psi',
        'step_noise', 'usual_psi', 'usual_step', 'usual_wasserstein', 'usual_wasserstein_step', 'warn', 'alarm',
    ] %}
    judged.{{ column }},
    {%- endfor %}
    case
        when judged.status in ('alarmed', 'warned')
            then coalesce(causes.cause, 'rows, codes and amounts of ' || judged.source || '.' || judged.table_name || ' are as usual')
    end as cause,
{%- endmacro %}
