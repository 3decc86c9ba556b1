"""The marts of a published file that the service reads, made by hand: customers a and b."""

MARTS = """
    create schema marts;
    create table marts.dim_customers as select * from (values
        ('a', true, 'yes'), ('b', false, 'no record')
    ) t (customer_id, is_contactable, contact_basis);
    create table marts.mart_scores as select 'a' as customer_id, 'decline' as target,
        'm1' as model_id, timestamp '2023-01-01' as as_of, 0.25 as score, 0.5 as percentile,
        'first' as reason_1, null::varchar as reason_2, 'third' as reason_3;
    create table marts.mart_segments as select * from (values ('a', 'low_risk_high_profit'))
        t (customer_id, segment);
    create table marts.mart_offers as select 'a' as customer_id, 'keep' as offer,
        null::varchar as category, 10 as discount_percent, 'decline' as target,
        timestamp '2023-01-01' as as_of;
    create table marts.mart_monitoring_features as select * from (values
        (date '2022-12-01', 'alarmed'), (date '2022-12-01', 'fine'), (date '2022-12-01', 'fine'),
        (date '2022-11-01', 'warned')
    ) t (feature_month, status);
    create table marts.mart_monitoring_sources as
    select date '2022-12-01' as feature_month, 'fine' as status;
    create table marts.mart_monitoring_scores as select * from (values
        ('decline', 'everyone', date '2022-12-01', 0.5),
        ('decline', 'everyone', date '2023-01-01', 0.125)
    ) t (target, segment, score_month, psi);
    create table marts.mart_monitoring_outcomes as select * from (values
        ('decline', date '2022-12-01', 0.75), ('decline', date '2023-01-01', null)
    ) t (target, score_month, roc_auc);
"""
