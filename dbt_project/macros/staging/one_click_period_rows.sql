{#-
    Staging of a one_click table with one value a customer and relative period: periods become months.
    in:  the table, its value column, the English name of the value
    out: customer_id, feature_month, <name>; rejected where id, period or value cannot be read or a key repeats
-#}
{% macro one_click_period_rows(table_name, column, name) -%}
with source as (
    select
        trim(id) as source_id,
        try_cast({{ almanac_code('period', '"Период"') }} as integer) as months_ago,
        {{ decimal_number('"' ~ column ~ '"') }} as {{ name }},
        {{ almanac_marks('landed') }},
    from {{ source('one_click', table_name) }} as landed
),

numbered as (
    select
        *,
        row_number() over (partition by source_id, months_ago order by _file, _row) as repetition,
    from source
)

select
    {{ almanac_customer_id('numbered.source_id') }} as customer_id,
    cast({{ almanac_snapshot_month('one_click') }} - to_months(numbered.months_ago) as date) as feature_month,
    numbered.{{ name }},
    {{ reject_reason([
        ("numbered.source_id is null or numbered.source_id = ''", 'id is empty'),
        ('numbered.months_ago is null', 'Период is unknown'),
        ('numbered.' ~ name ~ ' is null', column ~ ' is not a number'),
        ('numbered.repetition > 1', 'id and Период are repeated'),
    ]) }} as reject_reason,
    numbered._file,
    numbered._row,
    numbered._line,
from numbered
{{ join_identities('one_click', 'numbered.source_id') }}
{%- endmacro %}
