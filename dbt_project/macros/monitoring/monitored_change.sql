{#-
    What changed of a code or of a table in a month.
    in:  the columns of mart_monitoring_sources' CTE `usual`
    out: an expression: `new`, `vanished`, `rows`, `amounts`, `drift`, `set aside`, `late`; null where nothing did
-#}
{% macro monitored_change() -%}
{%- set quarters = "column_name = 'customers by amount'" -%}
    case
        when months_before < 3 or ({{ quarters }} and value = 'new') then null
        when column_name in ('set aside', 'late') then case when measure > 0.01 and measure > 3 * coalesce(level, 0) then column_name end
        when coalesce(most_before, 0) = 0 and customers >= 5 and measure >= 0.005 and not {{ quarters }} then 'new'
        -- Below a thousandth of the rows a code is not counted: only one of three thousandths has vanished for sure.
        when rows = 0 and rows_before > 0 and level_rows >= 15 and (column_name = '' or (level >= 0.003 and customers_level >= 15)) then 'vanished'
        when column_name = '' and abs(moved) > greatest(0.25, noise, 2 * usual_move) then 'rows'
        when not {{ quarters }} and amount_noise is not null and abs(amount_moved) > greatest(ln(2), amount_noise, 2 * usual_amount_move) then 'amounts'
        when column_name <> '' and least_before > 0 and abs(moved) > greatest(case when {{ quarters }} then 0.2 else 0.4 end, noise, 2 * usual_move) then 'rows'
        -- What moves slowly is its own usual. Quarters of customers look back on twelve months, which are there after the first year.
        when
            column_name <> '' and months_before >= case when {{ quarters }} then 18 else 12 end
            and abs(moved_in_a_year) > case when {{ quarters }} then greatest(0.15, 0.8 * noise) else greatest(0.4, noise, 2 * usual_move) end then 'drift'
    end
{%- endmacro %}
