-- one row a model and month that it scored: its scores beside their labels, and beside the card's promise; key: target, model_id, score_month
-- Intervals hold 95 %. An outcome is judged by ten labels of each class or more, none of which the model learnt from or was chosen by.
{{ config(materialized='table') }}
{% set promised = ['roc_auc', 'roc_auc_low', 'roc_auc_high', 'pr_auc', 'brier'] %}
with outcomes as (
    select * from {{ ref('int_monitoring_outcomes') }}
),

promises as (
    select * from {{ champions_table() }}
    qualify row_number() over (partition by target, model_id order by since) = 1
),

compared as (
    select
        outcomes.*,
        case when outcomes.roc_auc_error is not null then greatest(outcomes.roc_auc - 1.96 * outcomes.roc_auc_error, 0) end as roc_auc_low,
        case when outcomes.roc_auc_error is not null then least(outcomes.roc_auc + 1.96 * outcomes.roc_auc_error, 1) end as roc_auc_high,
        {% for each in promised %}promises.{{ each }} as promised_{{ each }}, {% endfor %}
        least(outcomes.positives, outcomes.labelled - outcomes.positives) >= 10 as is_ranked,
        outcomes.score_month <= promises.last_month + interval 1 month as is_learnt_from,
        outcomes.positives / nullif(outcomes.labelled, 0) as prevalence,
        abs(outcomes.positives - outcomes.expected_of_labelled) / nullif(sqrt(outcomes.variance_of_labelled), 0) as calibration_z,
        outcomes.positives / nullif(outcomes.expected_of_labelled, 0) as positives_ratio,
    from outcomes
    left join promises on outcomes.target = promises.target and outcomes.model_id = promises.model_id
),

judged as (
    select
        *,
        case
            when labelled = 0 then 'not ripe'
            when is_learnt_from then 'learnt from'
            when is_ranked and (roc_auc_high < 0.5 or roc_auc_high < coalesce(promised_roc_auc_low, promised_roc_auc)) then 'alarmed'
            when is_ranked and roc_auc_high < promised_roc_auc then 'warned'
            when calibration_z > 4 and (positives_ratio > 1.25 or positives_ratio < 0.8) then 'warned'
            when is_ranked then 'fine'
            else 'too few labels'
        end as status,
    from compared
)

select
    target,
    model_id,
    score_month,
    as_of,
    {{ monitored_status('status', ['target', 'model_id']) }} as status,
    customers,
    mean_score,
    expected_positives,
    estimated_roc_auc,
    estimated_brier,
    labelled,
    cast(positives as bigint) as positives,
    prevalence,
    roc_auc,
    roc_auc_low,
    roc_auc_high,
    pr_auc,
    {{ logit_interval('pr_auc', 'positives', '-') }} as pr_auc_low,
    {{ logit_interval('pr_auc', 'positives', '+') }} as pr_auc_high,
    brier,
    greatest(brier - 1.96 * brier_error, 0) as brier_low,
    brier + 1.96 * brier_error as brier_high,
    prevalence * (1 - prevalence) as trivial_brier,
    log_loss,
    lift_top_decile,
    {{ wilson('top_positives', 'top_decile', '-') }} / nullif(prevalence, 0) as lift_low,
    {{ wilson('top_positives', 'top_decile', '+') }} / nullif(prevalence, 0) as lift_high,
    expected_of_labelled,
    positives_ratio,
    calibration_z,
    baseline,
    case when baseline is not null then baseline_roc_auc end as baseline_roc_auc,
    {% for each in promised %}promised_{{ each }}, {% endfor %}
from judged
