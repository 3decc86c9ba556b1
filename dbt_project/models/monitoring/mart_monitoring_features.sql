-- one row a feature and month that is monitored; key: name, feature_month
-- An alarm needs a change that is large, that noise does not explain, and that is unusual for the feature.
{{ config(materialized='view') }}
with features as (
    select
        *,
        case
            when months_before < 6 then null
            when is_step_judged and step_excess >= alarm and step_excess > 2 * usual_step then 'step'
            when
                is_step_judged and wasserstein > wasserstein_noise
                and wasserstein_step >= 0.5 and wasserstein_step > 3 * usual_wasserstein_step then 'distance step'
            when is_drift_judged and psi_excess >= alarm and psi_excess > 3 * coalesce(usual_psi, 0) then 'drift'
            when
                is_drift_judged and wasserstein > wasserstein_noise
                and wasserstein >= 1 and wasserstein > 3 * usual_wasserstein then 'distance'
        end as rule,
    from {{ ref('int_monitoring_features') }}
),

judged as (
    select
        *,
        case
            when months_before < 6 then 'too few months'
            when rule is not null then 'alarmed'
            when is_drift_judged and psi_excess >= warn and psi_excess > coalesce(usual_psi, 0) then 'warned'
            else 'fine'
        end as status,
    from features
),

causes as (
    {{ monitored_causes() }}
)

select {{ monitored_feature_columns() }}
from judged
left join causes on judged.name = causes.feature and judged.feature_month = causes.month
