-- one row a dated source with events; key: source
-- A staging model's meta says which column dates the events of its source: `dated_by: event_time`.
-- depends_on: {{ ref('stg_mbd__trx') }}
-- depends_on: {{ ref('stg_transactions__events') }}{{ own_models() }}
with last_days as (
    {%- for dated in models_with('dated_by') %}
    select
        '{{ dated.source }}' as source,
        max(cast({{ dated.declared }} as date)) as last_day,
    from {{ ref(dated.model) }}
    {{- '\n    union all' if not loop.last }}
    {%- endfor %}
)

select
    source,
    max(last_day) as last_day,
from last_days
where last_day is not null
group by source
