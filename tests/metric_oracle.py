"""What each metric of the semantic layer is in plain SQL, by groups of MetricFlow's names."""

MONTH = "metric_time__month"
SEGMENT = "customer__segment"
MONTHS = "marts.fct_customer_months"
PROFIT = "marts.mart_segments where profit_basis = 'profit'"
EVERYONE = "marts.mart_monitoring_scores where segment = 'everyone'"
ACTIVE = """count(distinct customer_id) filter (
    transactions > 0 or bank_transactions > 0 or dialogues > 0 or revenue > 0 or minutes > 0)"""
SPENDERS = "count(distinct customer_id) filter (amount > 0)"
BANKING = "count(distinct customer_id) filter (bank_transactions > 0)"
SET_ASIDE = "sum(rows) filter (column_name = 'set aside')"
ACCEPTED = "sum(rows) filter (column_name = '')"
DECLINE_OFFERS = """marts.mart_segments s join marts.mart_offers o using (customer_id)
    where s.profit_basis = 'profit' and o.target = s.risk_target"""


def by(key: str, measure: str, rows: str) -> str:
    return f"select {key}, {measure} from {rows} group by 1"


def of_months(measure: str) -> str:
    return by("feature_month::timestamp", measure, MONTHS)


def of_source(measure: str) -> str:
    return by("feature_month::timestamp", measure, "marts.mart_monitoring_sources")


def of_outcomes(measure: str) -> str:
    judged = "(from marts.mart_monitoring_outcomes where status <> 'learnt from')"
    return by("target", measure, judged)


def of_segments(measure: str, rows: str = "marts.mart_segments") -> str:
    return by("segment", measure, rows)


def of_new(measure: str) -> str:
    return by("first_month::timestamp", measure, "marts.dim_customers")


def of_labels(measure: str) -> str:
    return by("target", measure, "intermediate.int_monitoring_labels")


def of_scores(measure: str) -> str:
    return by("target", measure, "marts.fct_scores")


def of_features(measure: str) -> str:
    return by("feature_month::timestamp", measure, "marts.mart_monitoring_features")


def of_offers(measure: str) -> str:
    return by("offer", measure, "marts.mart_offers")


# Sums over months go on to the calendar's end, the month of the newest score.
CALENDAR = "select distinct feature_month as m from marts.dim_dates"
SPEND = f"select feature_month as month, sum(amount) as spend from {MONTHS} group by 1"

# The metric, by what it is grouped, and the same in SQL.
EXPECTED: dict[str, tuple[str, str]] = {
    "new_customers": (MONTH, of_new("count(*)")),
    "known_customers": (
        MONTH,
        f"select m::timestamp, count(*) from ({CALENDAR})"
        " join marts.dim_customers on first_month <= m group by 1",
    ),
    "contactable_customers": (MONTH, of_new("count(*) filter (is_contactable)")),
    "contactable_share": (MONTH, of_new("avg(is_contactable::int)")),
    "present_customers": (MONTH, of_months("count(*)")),
    "active_customers": (MONTH, of_months(ACTIVE)),
    "active_share": (MONTH, of_months(f"{ACTIVE} / count(*)")),
    "spenders": (MONTH, of_months(SPENDERS)),
    "spend": (MONTH, of_months("sum(amount)")),
    "spend_per_spender": (MONTH, of_months(f"sum(amount) / {SPENDERS}")),
    "transactions": (MONTH, of_months("sum(transactions)")),
    "spend_per_transaction": (MONTH, of_months("sum(amount) / sum(transactions)")),
    "transactions_per_spender": (MONTH, of_months(f"sum(transactions) / {SPENDERS}")),
    "spend_growth": (
        MONTH,
        f"select month::timestamp, spend / lag(spend) over (order by month) - 1 from ({SPEND})",
    ),
    "spend_of_three_months": (
        MONTH,
        f"select m::timestamp, sum(spend) from ({CALENDAR}) join ({SPEND})"
        " on month between m - interval 2 month and m group by 1",
    ),
    "bank_customers": (MONTH, of_months(BANKING)),
    "bank_transactions": (MONTH, of_months("sum(bank_transactions)")),
    "bank_amount": (MONTH, of_months("sum(bank_amount)")),
    "bank_amount_per_customer": (MONTH, of_months(f"sum(bank_amount) / {BANKING}")),
    "dialogues": (MONTH, of_months("sum(dialogues)")),
    "dialogues_per_active_customer": (MONTH, of_months(f"sum(dialogues) / {ACTIVE}")),
    "shop_revenue": (MONTH, of_months("sum(revenue)")),
    "shop_minutes": (MONTH, of_months("sum(minutes)")),
    "scored_customers": ("target", of_scores("count(*)")),
    "expected_positives": ("target", of_scores("sum(score)")),
    "mean_score": ("target", of_scores("avg(score)")),
    "segmented_customers": (SEGMENT, of_segments("count(*)")),
    "expected_declines": (SEGMENT, of_segments("sum(risk)")),
    "churn_risk": (SEGMENT, of_segments("avg(risk)")),
    "high_risk_customers": (SEGMENT, of_segments("count(*) filter (segment like 'high_risk%')")),
    "high_risk_share": ("target", "select risk_target, avg((segment like 'high_risk%')::int) "
                        "from marts.mart_segments group by 1"),
    "monthly_profit": (SEGMENT, of_segments("sum(profit)", PROFIT)),
    "profit_at_risk": (SEGMENT, of_segments("sum(risk * profit)", PROFIT)),
    "expected_profit_of_offers": (
        "customer__offer",
        by("offer", "sum(s.risk * s.profit)", DECLINE_OFFERS),
    ),
    "offers": ("customer__offer", of_offers("count(*)")),
    "total_discount": ("customer__offer", of_offers("sum(discount_percent)")),
    "mean_discount": ("customer__offer", of_offers("avg(discount_percent)")),
    "known_labels": ("target", of_labels("count(*)")),
    "positives": ("target", of_labels("sum(label)")),
    "prevalence": ("target", of_labels("avg(label)")),
    "measured_roc_auc": ("target", of_outcomes("avg(roc_auc)")),
    "promised_roc_auc": (
        "target",
        of_outcomes("avg(promised_roc_auc) filter (roc_auc is not null)"),
    ),
    "roc_auc_shortfall": (
        "target",
        of_outcomes("avg(promised_roc_auc - roc_auc)"),
    ),
    "measured_brier": ("target", of_outcomes("avg(brier)")),
    "newest_lift": (
        "target",
        of_outcomes("max_by(lift_top_decile, score_month) filter (roc_auc is not null)"),
    ),
    "positives_of_scored": ("target", of_outcomes("sum(positives)")),
    "expected_positives_of_scored": ("target", of_outcomes("sum(expected_of_labelled)")),
    "positives_ratio": ("target", of_outcomes("sum(positives) / sum(expected_of_labelled)")),
    "monitored_features": (MONTH, of_features("count(*)")),
    "alarmed_features": (MONTH, of_features("count(*) filter (status = 'alarmed')")),
    "alarmed_feature_share": (MONTH, of_features("avg((status = 'alarmed')::int)")),
    "score_drift": ("target", by("target", "max(psi)", EVERYONE)),
    "top_decile_turnover": ("target", by("target", "avg(churn_top_decile)", EVERYONE)),
    "accepted_rows": (MONTH, of_source(ACCEPTED)),
    "set_aside_rows": (MONTH, of_source(SET_ASIDE)),
    "read_rows": (MONTH, of_source(f"{ACCEPTED} + {SET_ASIDE}")),
    "set_aside_share": (MONTH, of_source(f"{SET_ASIDE} / ({ACCEPTED} + {SET_ASIDE})")),
    "source_alarms": (MONTH, of_source("count(*) filter (status = 'alarmed')")),
}  # fmt: skip

# Made-up scores of the labels' own customers: who did it has the higher ones. The models learnt
# from the first months; of the month after the last one no label is known.
SCORES = """
    insert into scores.scores by name
    select customer_id, target, target || '-1' as model_id, event_timestamp as as_of,
        round(0.1 + 0.3 * label + 0.5 * (chance % 1000) / 1000, 3) as score,
        percent_rank() over (
            partition by target, event_timestamp order by score, customer_id) as percentile,
        'offline' as scored_from
    from (
        select *, hash(customer_id, target, event_timestamp) as chance
        from intermediate.int_monitoring_labels
        where target in (
            'activity_decline', 'spend_decline', 'purchase_any', 'spend_next_month')
    );
    insert into scores.scores by name
    select * replace (as_of + interval 1 month as as_of) from scores.scores
    where target = 'spend_next_month' qualify as_of = max(as_of) over ();
    insert into monitoring.champions
    select distinct target, model_id, now()::timestamp, ['spend'], date '2020-01-01',
        date '2022-08-01', 0.5, 0.4, 0.9 - len(target) / 100, 0.7, 0.95, 0.8, 0.1
    from scores.scores
"""
# Nothing changes within nine months: some features and codes are said to be alarmed.
ALARMS = """
    create table marts.features as select * replace (
        case when hash(name, feature_month) % 5 = 0 then 'alarmed' else status end as status
    ) from (select * from marts.mart_monitoring_features union all by name
        select name, family, 'a' as source, feature_month, 'fine' as status
        from marts.dim_features, (
            values (date '2022-11-01'), (date '2022-12-01')) months (feature_month));
    drop view marts.mart_monitoring_features;
    alter table marts.features rename to mart_monitoring_features;
    update marts.mart_monitoring_sources set status = 'alarmed'
    where hash(source, feature_month, column_name, value) % 9 = 0
"""
