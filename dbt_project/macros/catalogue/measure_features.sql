{#-
    Measures every feature of a family.
    The rows are those of at most 2,500 customers, the first by the MD5 of their id, in the newest two complete months:
    what it costs depends on the number of features, not on the company's size.
    in:  its relation, its spec, its features' names, the relation of complete months
    out: statements that replace the family's rows of feature_statistics_table()
-#}
{% macro measure_features(relation, meta, names, complete_months) %}
    delete from {{ feature_statistics_table() }} where family = '{{ meta.family }}';
    insert into {{ feature_statistics_table() }}
    with {{ measured_rows(relation, names, complete_months, meta.source) }},

    {{ almanac_drifts() }},

    statistics as (
        select
            position,
            1 - count(value) / count(*) as null_share,
            least(approx_count_distinct(value), count(value)) as distinct_values,
            -- The mean of a sum that keeps what rounding loses, as a float: the order of rows does not show in it.
            cast(cast(favg(value) as float) as double) as mean,
            min(value) as minimum,
            max(value) as maximum,
            count(*) as measured_rows,
        from measured
        group by position
    )

    select
        '{{ meta.family }}' as family,
        ['{{ names | join("', '") }}'][statistics.position] as name,
        statistics.null_share,
        statistics.distinct_values,
        statistics.mean,
        statistics.minimum,
        statistics.maximum,
        drifts.drift,
        statistics.measured_rows,
    from statistics
    left join drifts on statistics.position = drifts.position
{% endmacro %}
