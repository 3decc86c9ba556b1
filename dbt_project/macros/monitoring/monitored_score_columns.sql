{#-
    The columns of mart_monitoring_scores.
    in:  its CTE `months`, joined with the customers of the highest tenth, `tops`
    out: a list of expressions; `churn_top_decile` is the share of the highest tenth that was not in it the month before
-#}
{% macro monitored_score_columns() -%}
{%- set one = '(partition by months.target, months.model_id, months.segment order by months.score_month)' -%}
{%- set first_bins = 'first_value(months.bins) over ' ~ one -%}
{%- set first_customers = 'first_value(months.customers) over ' ~ one -%}
{%- set follows = 'lag(months.score_month) over ' ~ one ~ ' = months.score_month - interval 1 month' %}
    months.*,
    case when {{ follows }} then months.mean_log_odds - lag(months.mean_log_odds) over {{ one }} end as log_odds_change,
    -- A segment that nobody was in at first has no tenths.
    case when list_sum(months.bins) > 0 and list_sum({{ first_bins }}) > 0 then {{ almanac_psi('months.bins', first_bins) }} end as psi,
    {{ almanac_psi_noise('months.bins', first_bins, 'months.customers', first_customers) }} as psi_noise,
    case
        when {{ follows }}
            then 1 - len(list_intersect(tops.top, lag(tops.top) over {{ one }})) / nullif(len(tops.top), 0)
    end as churn_top_decile,
{%- endmacro %}
