-- one row a table, month and code: what changed at the source; key: source, table_name, feature_month, column_name, value
-- A change counts where it is large, five times the error of counting, and twice what the half year before it saw.
{{ config(materialized='table') }}
with moves as (
    select
        *,
        ln(nullif(measure, 0) / nullif(expected, 0)) as moved,
        ln(nullif(measure, 0) / nullif(level_before, 0)) as moved_in_a_year,
        log_amount - log_amount_level as amount_moved,
        5 * case when column_name = '' then 1 / sqrt(expected) else sqrt((1 - level) / nullif(level * table_customers, 0)) end as noise,
        5 * log_amount_error as amount_noise,
        level * case when column_name = '' then 1 else table_rows end as level_rows,
    from {{ ref('int_monitoring_series') }}
),

usual as (
    select
        *,
        coalesce(max(abs(moved)) over half_a_year, 0) as usual_move,
        coalesce(max(abs(amount_moved)) over half_a_year, 0) as usual_amount_move,
    from moves
    window half_a_year as (
        partition by source, table_name, column_name, value order by feature_month rows between 6 preceding and 1 preceding
    )
),

kinds as (
    select
        *,
        {{ monitored_change() }} as kind,
    from usual
),

renamed as (
    select
        gone.source,
        gone.table_name,
        gone.feature_month,
        gone.column_name,
        gone.value as old_value,
        come.value as new_value,
    from kinds as gone
    inner join kinds as come using (source, table_name, feature_month, column_name)
    where gone.kind = 'vanished' and come.kind = 'new' and abs(ln(come.rows / gone.level_rows)) < 0.35
    qualify
        row_number() over (partition by source, table_name, feature_month, column_name, gone.value order by abs(ln(come.rows / gone.level_rows)), come.value) = 1
        and row_number() over (partition by source, table_name, feature_month, column_name, come.value order by abs(ln(come.rows / gone.level_rows)), gone.value) = 1
),

named as (
    select
        kinds.* replace (case when renamed.new_value is null then kinds.kind else 'renamed' end as kind),
        renamed.old_value,
        renamed.new_value,
    from kinds
    left join renamed
        on
            kinds.source = renamed.source
            and kinds.table_name = renamed.table_name
            and kinds.feature_month = renamed.feature_month
            and kinds.column_name = renamed.column_name
            and kinds.value in (renamed.old_value, renamed.new_value)
)

select
    {{ monitored_source_columns() }}
from named
