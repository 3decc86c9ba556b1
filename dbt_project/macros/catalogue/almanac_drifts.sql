{#-
    The population stability index of the newest month against the month before:
    the sum over bins of (new share - old share) * ln(new share / old share).
    in:  the CTE `measured`
    out: the CTEs that end with `drifts (position, drift)`; null without a month before
    Bins end with the deciles of the month before, each inclusive; missing values are a bin of their own. A share is at
    least 0.0001, so that an empty bin leaves the index finite.
-#}
{% macro almanac_drifts() -%}
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
        -- Rounded: the order in which the bins are summed does not show in it.
        round(sum((newest - earlier) * ln(newest / earlier)), 12) as drift,
    from shares
    group by position
)
{%- endmacro %}
