"""The dbt project with one family more, half of whose features look ahead, and a fact that does."""

import shutil
from pathlib import Path

from tests.audit_proofs import PROJECT

AHEAD_SQL = """-- one row a customer and month; key: customer_id, feature_month
{{ config(materialized='table') }}
with events as (
    select
        customer_id,
        event_time,
    from {{ ref('stg_mbd__trx') }}
),

spine as (
    select
        customer_id,
        feature_month,
    from {{ ref('int_customer_months') }}
),

counted as (
    select
        spine.customer_id,
        spine.feature_month,
        count(events.event_time) filter (
            where events.event_time < spine.feature_month + interval 1 month
        ) as so_far,
        count(events.event_time) filter (
            where events.event_time <= spine.feature_month + interval 1 month
        ) as at_the_edge,
        count(events.event_time) filter (
            where date_trunc('month', events.event_time) = spine.feature_month
        ) as of_month,
    from spine
    left join events on spine.customer_id = events.customer_id
    group by spine.customer_id, spine.feature_month
)

select
    customer_id,
    feature_month,
    {{ known_at('feature_month', 'mbd') }} as event_timestamp,
    cast(so_far as double) as ahead_count__all,
    cast(of_month as double) as ahead_count__1m,
    cast(at_the_edge as double) as ahead_count__edge__all,
    cast(lead(of_month) over months as double) as ahead_count__next__1m,
    cast(sum(of_month) over (
        partition by customer_id order by feature_month
        rows between 1 preceding and 1 following
    ) as double) as ahead_count__3m,
    cast(sum(of_month) over (
        partition by customer_id order by feature_month
        rows between 2 preceding and current row
    ) as double) as ahead_count__past__3m,
    so_far / (select sum(events) from {{ ref('int_ahead_total') }}) as ahead_share__all,
from counted
window months as (partition by customer_id order by feature_month)
"""
LEAKS = {"ahead_count__edge__all", "ahead_count__next__1m", "ahead_count__3m"}
# A fact of the whole looks ahead, and this feature reads it.
WHOLE = {"ahead_share__all"}
SOUND = {"ahead_count__all", "ahead_count__1m", "ahead_count__past__3m"}


TOTAL_SQL = """-- one row a source; key: source
select
    'mbd' as source,
    count(*) as events,
from {{ ref('stg_mbd__trx') }}
"""
TOTAL_YAML = """version: 2

models:
  - name: int_ahead_total
    description: All events, whenever they happened.
    config: {meta: {totals: {by: [source], sum: [events]}}}
"""


def ahead_yaml() -> str:
    features = "".join(
        f"          - {{name: {name}, sql: {name}, description: Number of events.}}\n"
        for name in sorted(LEAKS | WHOLE | SOUND)
    )
    return (
        "version: 2\n\nmodels:\n  - name: ftr_ahead\n    description: Looks ahead.\n"
        "    config:\n      meta:\n        family: ahead\n        source: mbd\n        table: trx\n"
        f"        ttl_months: 1\n        features:\n{features}"
    )


def make_project(project: Path) -> Path:
    shutil.copytree(PROJECT, project, ignore=shutil.ignore_patterns("target", "logs"))
    model = project / "models" / "features" / "ftr_ahead.sql"
    model.write_text(AHEAD_SQL, encoding="utf-8")
    model.with_suffix(".yml").write_text(ahead_yaml(), encoding="utf-8")
    total = project / "models" / "intermediate" / "int_ahead_total.sql"
    total.write_text(TOTAL_SQL, encoding="utf-8")
    total.with_suffix(".yml").write_text(TOTAL_YAML, encoding="utf-8")
    return project
