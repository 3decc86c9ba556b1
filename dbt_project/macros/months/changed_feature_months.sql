{#-
    Which months a feature table must build: a month's version is a hash of its customers, of all partial months up to
    it (windows look back), of the source's lag and of the spec. None while the partial is empty: the features of an
    absent source do not exist.
    in:  the family's partial, its spec, whether the build is an increment
    out: the CTEs `versions` and `changed (feature_month, month_version)`
-#}
{% macro changed_feature_months(partial, spec, increment) -%}
histories as (
    select
        feature_month,
        {{ known_at('feature_month', spec.get('source')) }} as event_timestamp,
        hash(customers, content) as spine_version,
        sum(hash(case when month_version is not null then feature_month end, month_version)) over (order by feature_month) as history_version,
        max(month_version) over () is not null as has_rows,
    from {{ ref('int_spine_months') }}
    where partial = '{{ partial }}'
),

versions as (
    select
        feature_month,
        hash(spine_version, history_version, event_timestamp, '{{ local_md5(tojson(spec)) }}') as month_version,
    from histories
    where has_rows
),

{{ changed_versions(vectors_table(), increment) }}
{%- endmacro %}
