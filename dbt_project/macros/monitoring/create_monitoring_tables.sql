{#- out: the statements that create the tables of monitoring where they are missing; for on-run-start. -#}
{% macro create_monitoring_tables() %}
    create schema if not exists monitoring;
    create table if not exists {{ champions_table() }} (
        target varchar not null,
        model_id varchar not null,
        since timestamp not null,
        families varchar[] not null,
        first_month date not null,
        last_month date not null,
        threshold double not null,
        prevalence double not null,
        roc_auc double,
        roc_auc_low double,
        roc_auc_high double,
        pr_auc double,
        brier double
    );
    create table if not exists {{ feature_months_table() }} (
        family varchar not null,
        name varchar not null,
        feature_month date not null,
        rows bigint not null,
        null_share double not null,
        mean double,
        deviation double,
        quantiles double[],
        bins bigint[] not null,
        reference_from date not null,
        reference_until date not null,
        reference_rows bigint not null,
        reference_customers bigint not null,
        reference_null_share double not null,
        reference_mean double,
        reference_deviation double,
        reference_quantiles double[],
        reference_bins bigint[] not null,
        edges double[],
        psi double not null,
        psi_noise double not null,
        jensen_shannon double not null,
        ks double,
        ks_noise double,
        wasserstein double
    );
    create table if not exists {{ measured_months_table() }} (family varchar not null, feature_month date not null, version ubigint not null);
    create table if not exists monitoring.contributions (
        target varchar not null,
        model_id varchar not null,
        as_of timestamp not null,
        feature varchar not null,
        mean_value double,
        null_share double not null,
        contribution double not null,
        rows bigint not null
    )
{% endmacro %}
