{#-
    The columns of mart_monitoring_sources.
    in:  the columns of its CTE `named`
    out: a list of expressions; `finding` says in words what changed, and where
-#}
{% macro monitored_source_columns() -%}
{%- set code -%}
case when column_name <> 'customers by amount' then column_name || ' ' || value when value = 'new' then 'new customers' else 'customers of the ' || value || ' by amount' end
{%- endset -%}
{%- set table -%} source || '.' || table_name {%- endset -%}
{%- set listed -%} string_split(files, ', ') {%- endset -%}
{%- set where -%} ' (' || array_to_string(({{ listed }})[1:3], ', ') || case when len({{ listed }}) > 3 then ', …' else '' end || ')' {%- endset -%}
{%- set status -%} case when kind is null then case when months_before < 3 then 'too few months' else 'fine' end when kind = 'drift' then 'warned' else 'alarmed' end {%- endset %}
    source,
    table_name,
    feature_month,
    column_name,
    value,
    rows,
    customers,
    largest.customer_id as largest_customer,
    largest.rows as largest_customer_rows,
    case when column_name <> '' then measure end as share,
    expected * case when column_name = '' then 1 else table_rows end as expected_rows,
    rows_last_year,
    exp(log_amount) as typical_amount,
    exp(log_amount_level) as usual_amount,
    kind,
    {{ monitored_status(status, [table, 'source', code]) }} as status,
    case kind
        when 'renamed' then column_name || ' ' || old_value || ' is written ' || new_value
        when 'new' then {{ code }} || ' is new: ' || round(100 * measure, 1) || ' % of the rows'
        when 'vanished' then case when column_name = '' then 'no rows' else 'no rows of ' || {{ code }} || ' any more; they were ' || round(100 * level, 1) || ' %' end
        when 'amounts' then 'amounts' || case when column_name = '' then '' else ' of ' || {{ code }} end || ' are ' || {{ times('exp(amount_moved)') }}
        when 'late' then 'rows of months that were there before came late: ' || rows || ' beside ' || table_rows || ' of the month'
        when 'set aside' then 'rows set aside because ' || value || ': ' || rows || ' beside ' || table_rows || ' that were accepted'
        when 'rows' then
            case when column_name = '' then 'rows' else 'rows of ' || {{ code }} end || ' are ' || {{ times('exp(moved)') }}
            || case when column_name = '' and customers_level > 0 then ', customers ' || {{ times('customers / customers_level') }} else '' end
        when 'drift' then 'the share of ' || {{ code }} || ' moved within a year: it is ' || {{ times('exp(moved_in_a_year)') }}
    end
    || case
        when kind in ('new', 'rows', 'amounts') and largest.rows >= 0.2 * rows and rows >= 20
            then '; ' || cast(round(100 * largest.rows / rows) as integer) || ' % of them are of customer ' || largest.customer_id
        else ''
    end || ' in ' || {{ table }} || {{ where }} as finding,
    case when kind is not null then abs(coalesce(case kind when 'amounts' then amount_moved when 'drift' then moved_in_a_year when 'rows' then moved else ln(1000) end, 0)) end as strength,
    files,
{%- endmacro %}
