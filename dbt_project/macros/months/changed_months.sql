{#-
    Which months a customer-month partial must build: those whose events or columns are not the ones it was built from.
    A month's version is a hash of both: late events rebuild their months, a changed measure or slice all of them.
    in:  the relation of a model of `event_files`, the specs of the partial's families
    out: the CTEs `versions` and `changed (feature_month, month_version)`
-#}
{% macro changed_months(files, specs) -%}
versions as (
    select
        feature_month,
        hash(sum(events), sum(content), '{{ local_md5(partial_columns(specs)) }}') as month_version,
    from {{ files }}
    group by feature_month
),

{{ changed_versions() }}
{%- endmacro %}

{#-
    Which months a feature table must build: a month's version is a hash of its customers, of all partial months up to
    it (windows look back), of the source's lag and of the spec.
    in:  CTEs `spine` and `partials`; the spec
    out: the CTEs `partial_months`, `spine_months`, `versions` and `changed (feature_month, month_version)`
-#}
{% macro changed_feature_months(spec) -%}
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

{{ changed_versions() }}
{%- endmacro %}

{#- in: a CTE `versions`. out: the CTE `changed`: all of them, or in an increment those that differ from what is built. -#}
{% macro changed_versions() -%}
changed as (
    select versions.* from versions
    {%- if is_increment() %}
    where not exists (
        select 1 from {{ built() }} as built
        where built.feature_month = versions.feature_month and built.month_version = versions.month_version
    )
    {%- endif %}
)
{%- endmacro %}
