{#-
    The population stability index (almanac_psi) of the newest month against the month before.
    in:  the CTE `measured`
    out: the CTEs that end with `drifts (position, drift)`; null without a month before
    Bins end with the deciles of the month before, each inclusive; missing values are a bin of their own.
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

counted as (
    select
        position,
        list(newest order by bin) as newest,
        list(earlier order by bin) as earlier,
    from bins
    group by position
),

drifts as (
    select
        position,
        case when list_sum(earlier) > 0 then round({{ almanac_psi('newest', 'earlier') }}, 12) end as drift,
    from counted
)
{%- endmacro %}
