{#-
    Staging of a one_click table with one value a customer and relative period: periods become months.
    in:  the table, its value column, the English name of the value, whether it may be below zero
    out: customer_id, feature_month, <name>; rejected where id, period or value cannot be read or a key repeats
-#}
{% macro one_click_period_rows(table_name, column, name, signed=false) -%}
with source as (
    select
        trim(landed.id) as source_id,
        try_cast({{ almanac_code('period', 'landed."Период"') }} as integer) as months_ago,
        {{ decimal_number('landed."' ~ column ~ '"') }} as {{ name }},
        {{ almanac_marks('landed') }},
    from {{ source('one_click', table_name) }} as landed
    {{ join_file('one_click', table_name) }}
)

select
    {{ almanac_customer_id('source.source_id') }} as customer_id,
    cast({{ almanac_snapshot_month('one_click') }} - to_months(source.months_ago) as date) as feature_month,
    source.{{ name }},
    {{ reject_reason(
        almanac_id_checks('source.source_id', 'id')
        + [('source.months_ago is null', 'Период is unknown')]
        + almanac_number_checks('source', name, column, needed=true, signed=signed)
        + [(almanac_repeats('source', 'source.source_id', ['source.months_ago']), 'id and Период are repeated')]
    ) }} as reject_reason,
    source._file,
    source._row,
    source._line,
from source
{{ join_identities('one_click', 'source.source_id') }}
{%- endmacro %}
