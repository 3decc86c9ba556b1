-- one row a model and month that it scored: how its scores turned out, and what they promise; key: target, model_id, score_month
-- ROC-AUC has the error of DeLong, DeLong and Clarke-Pearson (1988). An estimate takes each score for the probability of its label.
{{ config(materialized='view', schema='intermediate', access='protected') }}
with scored as (
    select * from {{ ref('int_monitoring_scored') }}
),

ranked as (
    select
        *,
        {{ middle_rank('target, model_id, score_month, label is null') }} as middle_rank,
        {{ middle_rank('target, model_id, score_month, label') }} as own_rank,
        {{ middle_rank('target, model_id, score_month, label is null', 'baseline_ranking') }} as baseline_rank,
        -- A filtered count over a window takes time by the square of its rows in DuckDB 2.0.
        count(case label when 1 then 1 end) over of_month as positives,
        count(case label when 0 then 1 end) over of_month as negatives,
        count(label) over (of_month order by score desc range between unbounded preceding and current row) as at_least,
        sum(label) over (of_month order by score desc range between unbounded preceding and current row) as hits,
        row_number() over (of_month order by label is null, score desc, customer_id) <= greatest(count(label) over of_month // 10, 1) as is_top,
        sum(1 - score) over (of_month order by score range between unbounded preceding and current row exclude group) as below,
        sum(1 - score) over (of_month order by score groups between current row and current row) as level,
        {{ clipped('score') }} as clipped,
    from scored
    window of_month as (partition by target, model_id, score_month)
),

placed as (
    select
        *,
        case label when 1 then (middle_rank - own_rank) / negatives when 0 then 1 - (middle_rank - own_rank) / positives end as placement,
    from ranked
)

select
    target,
    model_id,
    score_month,
    any_value(as_of) as as_of,
    count(*) as customers,
    avg(score) as mean_score,
    sum(score) as expected_positives,
    (sum(score * (below + level / 2)) - sum(score * (1 - score)) / 2) / nullif(sum(score) * sum(1 - score) - sum(score * (1 - score)), 0) as estimated_roc_auc,
    avg(score * (1 - score)) as estimated_brier,
    count(label) as labelled,
    coalesce(sum(label), 0) as positives,
    sum(score) filter (where label is not null) as expected_of_labelled,
    sum(score * (1 - score)) filter (where label is not null) as variance_of_labelled,
    avg(placement) filter (where label = 1) as roc_auc,
    sqrt(
        var_samp(placement) filter (where label = 1) / nullif(sum(label), 0)
        + var_samp(placement) filter (where label = 0) / nullif(count(label) - sum(label), 0)
    ) as roc_auc_error,
    any_value(baseline) as baseline,
    -- Mann and Whitney's statistic.
    (avg(baseline_rank) filter (where label = 1) - (sum(label) + 1) / 2) / nullif(count(label) - sum(label), 0) as baseline_roc_auc,
    avg(hits / at_least) filter (where label = 1) as pr_auc,
    avg(power(score - label, 2)) as brier,
    stddev_samp(power(score - label, 2)) / sqrt(count(label)) as brier_error,
    -avg(ln(case label when 1 then clipped when 0 then 1 - clipped end)) as log_loss,
    avg(label) filter (where is_top) / nullif(avg(label), 0) as lift_top_decile,
    count(*) filter (where is_top) as top_decile,
    sum(label) filter (where is_top) as top_positives,
from placed
group by target, model_id, score_month
