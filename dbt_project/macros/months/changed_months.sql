{#-
    Which months a customer-month partial must build: those whose events or columns are not the ones it was built from.
    A month's version is a hash of both: late events rebuild their months, a changed measure or slice all of them.
    in:  the relation of a model of `event_files`, the SQL of the partial's columns, whether the build is an increment
    out: the CTEs `versions` and `changed (feature_month, month_version)`
-#}
{% macro changed_months(files, columns, increment) -%}
versions as (
    select
        feature_month,
        hash(sum(events), sum(content), '{{ local_md5(columns) }}') as month_version,
    from {{ files }}
    group by feature_month
),

{{ changed_versions(this, increment) }}
{%- endmacro %}
