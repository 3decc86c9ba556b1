{#-
    Measures every feature of the family that was just built; the post-hook of all models below `features`.
    The rows are those of at most 2,500 customers, the first by the MD5 of their id, in the newest two complete months:
    what it costs depends on the number of features, not on the company's size.
    out: statements that replace the family's rows of feature_statistics_table(); none while the family is empty
-#}
{% macro measure_features() %}
    {%- set complete_months = ref('int_complete_months') %}
    {%- set meta = model.config.get('meta', {}) %}
    {%- if execute and meta.get('family') %}
    {%- set names = features(meta) | map(attribute='name') | list %}
    delete from {{ feature_statistics_table() }} where family = '{{ meta.family }}';
    insert into {{ feature_statistics_table() }}
    with {{ measured_rows(this, names, complete_months, meta.source) }},

    {{ drifts() }},

    statistics as (
        select
            position,
            1 - count(value) / count(*) as null_share,
            least(approx_count_distinct(value), count(value)) as distinct_values,
            avg(value) as mean,
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
    {%- endif %}
{% endmacro %}

{#-
    in:  a family's relation, its features' names, the relation of complete months, its source
    out: the CTEs that end with `measured (value, position, is_newest)`: a row a sampled customer-month and feature;
         NaN is missing
    A source without complete months, or with none in the family, has its newest months measured.
-#}
{% macro measured_rows(relation, names, complete_months, source_name) -%}
known_months as (
    select distinct feature_month from {{ relation }}
),

complete as (
    select greatest(max(last_complete_month), (select min(feature_month) from known_months)) as last_month
    from {{ complete_months }}
    where source = '{{ source_name }}'
),

newest_months as (
    select
        known_months.feature_month,
        row_number() over (order by known_months.feature_month desc) = 1 as is_newest,
    from known_months
    cross join complete
    where known_months.feature_month <= coalesce(complete.last_month, known_months.feature_month)
    order by known_months.feature_month desc
    limit 2
),

customers as (
    select customer_id
    from {{ relation }}
    where feature_month in (select feature_month from newest_months)
    group by customer_id
    order by md5(customer_id), customer_id
    limit 2500
),

rows_of_values as (
    select
        [
            {%- for name in names %}
            nullif(family_rows.{{ name }}, 'nan'),
            {%- endfor %}
        ] as row_values,
        newest_months.is_newest,
    from {{ relation }} as family_rows
    inner join newest_months on family_rows.feature_month = newest_months.feature_month
    where family_rows.customer_id in (select customer_id from customers)
),

measured as materialized (
    select
        unnest(row_values) as value,
        unnest(range(1, {{ names | length + 1 }})) as position,
        is_newest,
    from rows_of_values
)
{%- endmacro %}

{#-
    The population stability index of the newest month against the month before:
    the sum over bins of (new share - old share) * ln(new share / old share).
    in:  the CTE `measured`
    out: the CTEs that end with `drifts (position, drift)`; null without a month before
    Bins end with the deciles of the month before, each inclusive; missing values are a bin of their own. A share is at
    least 0.0001, so that an empty bin leaves the index finite.
-#}
{% macro drifts() -%}
{%- set deciles = range(1, 10) | list -%}
deciles as (
    select
        position,
        quantile_disc(value, [{{ deciles | join(' / 10, ') }} / 10]) filter (where not is_newest) as edges,
    from measured
    group by position
),

edges as (
    select
        position,
        {%- for decile in deciles %}
        coalesce(edges[{{ decile }}], 'inf') as edge_{{ decile }},
        {%- endfor %}
    from deciles
),

binned as (
    select
        measured.position,
        measured.is_newest,
        case
            when measured.value is not null
                then {% for decile in deciles %}{{ ' + ' if not loop.first }}cast(measured.value > edges.edge_{{ decile }} as tinyint){% endfor %}
        end as bin,
    from measured
    inner join edges on measured.position = edges.position
),

bins as (
    select
        position,
        bin,
        count(*) filter (where is_newest) as newest,
        count(*) filter (where not is_newest) as earlier,
    from binned
    group by position, bin
),

shares as (
    select
        position,
        greatest(newest / sum(newest) over (partition by position), 0.0001) as newest,
        case
            when sum(earlier) over (partition by position) > 0
                then greatest(earlier / sum(earlier) over (partition by position), 0.0001)
        end as earlier,
    from bins
),

drifts as (
    select
        position,
        sum((newest - earlier) * ln(newest / earlier)) as drift,
    from shares
    group by position
)
{%- endmacro %}
