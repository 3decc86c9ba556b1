{#-
    in:  the CTEs `scored` and `segmented` of mart_monitoring_scores
    out: a select of target, model_id, segment, edges: the ends of the first nine tenths of the scores of a model's first month
-#}
{% macro first_score_edges() -%}
    select
        target,
        model_id,
        segment,
        quantile_disc(score, [{% for decile in range(1, 10) %}{{ decile }} / 10{{ ', ' if not loop.last }}{% endfor %}]) as edges,
    from segmented
    where score_month = (select min(first.score_month) from scored as first where first.target = segmented.target and first.model_id = segmented.model_id)
    group by target, model_id, segment
{%- endmacro %}
