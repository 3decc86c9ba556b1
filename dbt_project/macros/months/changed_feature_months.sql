{#-
    Which months a feature table must build: a month's version is a hash of its customers, of all partial months up to
    it (windows look back), of the source's lag and of the spec.
    in:  CTEs `spine` and `partials`; the spec; whether the build is an increment
    out: the CTEs `partial_months`, `spine_months`, `versions` and `changed (feature_month, month_version)`
-#}
{% macro changed_feature_months(spec, increment) -%}
partial_months as (
    select
        feature_month,
        any_value(month_version) as month_version,
    from partials
    group by feature_month
),

spine_months as (
    select
        feature_month,
        {{ known_at('feature_month', spec.get('source')) }} as event_timestamp,
        hash(count(*), sum(hash(customer_id))) as month_version,
    from spine
    group by feature_month
),

histories as (
    select
        spine_months.*,
        sum(hash(partial_months.feature_month, partial_months.month_version)) over (
            order by spine_months.feature_month
        ) as history_version,
    from spine_months
    left join partial_months on spine_months.feature_month = partial_months.feature_month
),

versions as (
    select
        feature_month,
        hash(month_version, history_version, event_timestamp, '{{ local_md5(tojson(spec)) }}') as month_version,
    from histories
),

{{ changed_versions(vectors_table(), increment) }}
{%- endmacro %}
