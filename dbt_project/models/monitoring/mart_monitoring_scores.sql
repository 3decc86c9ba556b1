-- one row a model, month that it scored and segment (`everyone` is one); key: target, model_id, score_month, segment
-- The reference of a model's scores is the first month that it scored. Segments are those of today.
{{ config(materialized='table') }}
with scored as (
    select * from {{ ref('int_monitoring_scored') }}
),

champions as (
    select distinct on (target, model_id) target, model_id, threshold
    from {{ champions_table() }}
    order by since desc
),

segmented as (
    select *, 'everyone' as segment from scored
    union all by name
    select scored.*, segments.segment
    from scored
    inner join {{ ref('mart_segments') }} as segments on scored.customer_id = segments.customer_id
),

first_scores as (
    {{ first_score_edges() }}
),

tops as (
    select
        target,
        model_id,
        score_month,
        list(customer_id) as top,
    from scored
    where percentile > 0.9
    group by target, model_id, score_month
),

months as (
    select
        segmented.target,
        segmented.model_id,
        segmented.score_month,
        segmented.segment,
        count(*) as customers,
        avg(segmented.score) as mean_score,
        avg(ln({{ clipped('segmented.score') }} / (1 - {{ clipped('segmented.score') }}))) as mean_log_odds,
        quantile_disc(segmented.score, [0.05, 0.25, 0.5, 0.75, 0.95]) as quantiles,
        avg(cast(segmented.score >= champions.threshold as integer)) as share_above_threshold,
        [{% for bin in range(10) %}count(*) filter (where len(list_filter(first_scores.edges, lambda edge: segmented.score > edge)) = {{ bin }}){{ ', ' if not loop.last }}{% endfor %}] as bins,
    from segmented
    left join champions on segmented.target = champions.target and segmented.model_id = champions.model_id
    left join first_scores
        on segmented.target = first_scores.target and segmented.model_id = first_scores.model_id and segmented.segment = first_scores.segment
    group by segmented.target, segmented.model_id, segmented.score_month, segmented.segment
),

compared as (
    select {{ monitored_score_columns() }} from months
    left join tops
        on months.segment = 'everyone' and months.target = tops.target and months.model_id = tops.model_id and months.score_month = tops.score_month
),

drivers as (
    {{ score_drivers() }}
)

select
    compared.*,
    drivers.drivers,
    {{ monitored_status(
        "case when psi is null then 'fine' when psi - psi_noise >= 0.25 then 'alarmed' when psi - psi_noise >= 0.1 then 'warned' else 'fine' end",
        ['compared.target', 'compared.model_id'],
    ) }} as status,
from compared
left join drivers
    on
        compared.segment = 'everyone'
        and compared.target = drivers.target
        and compared.model_id = drivers.model_id
        and compared.score_month = drivers.score_month
