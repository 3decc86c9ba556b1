-- one row a feature and month: how far it is from its reference and from the month before; key: name, feature_month
-- What is usual of a feature is what its months did before this one, once its window was full.
-- depends_on: {{ ref('int_complete_months') }}
{{ config(materialized='view', schema='intermediate', access='protected', pre_hook='{{ measure_lake() }}') }}
with measured as (
    select
        months.*,
        windows.* exclude (family, name),
        months.feature_month >= coalesce(windows.full_from, months.feature_month) as is_full,
    from {{ feature_months_table() }} as months
    inner join {{ ref('int_monitoring_windows') }} as windows on months.family = windows.family and months.name = windows.name
),

pairs as (
    select
        *,
        lag(feature_month) over of_feature = feature_month - interval 1 month as has_month_before,
        lag(bins) over of_feature as bins_before,
        lag(rows) over of_feature as rows_before,
        abs(wasserstein - lag(wasserstein) over of_feature) as wasserstein_step,
        -- Three errors of the mean: few values, however large, do not exceed it.
        3 * deviation / sqrt(nullif(rows * (1 - null_share), 0)) / nullif(reference_deviation, 0) as wasserstein_noise,
    from measured
    window of_feature as (partition by family, name order by feature_month)
),

steps as (
    select
        * exclude (has_month_before, bins_before, rows_before),
        greatest(psi - psi_noise, 0) as psi_excess,
        case when has_month_before then {{ almanac_psi('bins', 'bins_before') }} end as step_psi,
        case when has_month_before then {{ almanac_psi_noise('bins', 'bins_before', 'rows', 'rows_before') }} end as step_noise,
        greatest(step_psi - step_noise, 0) as step_excess,
    from pairs
)

select
    *,
    count(*) over earlier as months_before,
    max(step_excess) over half_a_year as usual_step,
    max(wasserstein_step) over half_a_year as usual_wasserstein_step,
    max(psi_excess) filter (where is_full and feature_month <= reference_until) over earlier as usual_psi,
    max(wasserstein) filter (where is_full and feature_month <= reference_until) over earlier as usual_wasserstein,
    -- A history of less than a year changes by its own growth.
    coalesce(feature_month > full_from, months_before >= 12) as is_step_judged,
    -- Three quarters of the reference's months must have had a full window.
    coalesce(
        4 * date_diff('month', reference_from, full_from) <= date_diff('month', reference_from, reference_until) + 1, false
    ) and feature_month > reference_until as is_drift_judged,
from steps
window
    earlier as (partition by family, name order by feature_month rows between unbounded preceding and 1 preceding),
    half_a_year as (partition by family, name order by feature_month rows between 6 preceding and 1 preceding)
