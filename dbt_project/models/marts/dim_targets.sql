-- one row a declared target; key: target
-- A view: champions change when a model is trained or promoted, between builds.
{{ config(materialized='view') }}
with declared as (
    {{- declared_targets() }}
    union all
    select
        response as target,
        description,
        horizon_months,
    from {{ source('workspace', 'responses') }}
),

champions as (
    select * from {{ champions_table() }}
    qualify row_number() over (partition by target order by since desc, rowid desc) = 1
)

select
    declared.target,
    upper(left(declared.target, 1)) || replace(substr(declared.target, 2), '_', ' ') as label,
    declared.description,
    declared.horizon_months,
    champions.model_id,
    champions.since as champion_since,
    champions.threshold,
    champions.prevalence,
    champions.roc_auc,
    champions.roc_auc_low,
    champions.roc_auc_high,
    champions.pr_auc,
    champions.brier,
    array_to_string(champions.families, ', ') as families,
    champions.first_month as learnt_from,
    champions.last_month as learnt_until,
from declared
left join champions on declared.target = champions.target
