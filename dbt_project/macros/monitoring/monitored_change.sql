{#-
    What changed of a code or of a table in a month.
    in:  the columns of mart_monitoring_sources' CTE `usual`
    out: an expression: `new`, `vanished`, `amounts`, `rows`, `drift`; null where nothing did
-#}
{% macro monitored_change() -%}
    case
        when months_before < 3 then null
        when column_name = 'set aside' then case when measure > 0.01 and measure > 3 * coalesce(level, 0) then 'set aside' end
        when coalesce(most_before, 0) = 0 and rows >= 5 and measure >= 0.005 and column_name <> 'customers by amount' then 'new'
        when rows = 0 and rows_before > 0 and level_rows >= 15 and level * table_customers >= 8 then 'vanished'
        when column_name <> 'customers by amount' and abs(amount_moved) > greatest(ln(2), amount_noise, 2 * usual_amount_move) then 'amounts'
        when least_before > 0 and abs(moved) > greatest(case column_name when '' then 0.25 when 'customers by amount' then 0.2 else 0.4 end, noise, 2 * usual_move) then 'rows'
        -- What moves slowly is its own usual. Quarters of customers look back on twelve months, which are there after the first year.
        when
            abs(moved_in_a_year) > greatest(case column_name when 'customers by amount' then 0.2 else 0.4 end, noise)
            and months_before >= case column_name when 'customers by amount' then 18 else 12 end
            and column_name <> '' and value <> 'new' then 'drift'
    end
{%- endmacro %}
