{#-
    Embeddings as components, their cluster and their distances from the centres, by the fits of int_mbd_dialog_fits.
    in:  the name of a CTE of dialogues with `dialog` (any number of its own), `dialog_version` and `embedding`, and the
         names of columns that pass through
    out: the CTEs `components`, `centres`, `scored` and `projected`: the columns, then pc_1 …, cluster, distance,
         distance_1 …; null where no version holds, where the embedding is not whole, and what a version lacks
    An embedding meets one component after the other, so that memory does not grow with the number of components.
-#}
{% macro project_dialogs(dialogs, columns) -%}
{%- set size = almanac_spec('int_mbd_dialog_fits') -%}
{%- for position in range(1, size.get('components', 0) + 1) -%}
    {%- do describe_columns([{'name': 'pc_' ~ position, 'description': 'Principal component ' ~ position ~ ' of the embedding.'}]) -%}
{%- endfor -%}
{%- for position in range(1, size.get('clusters', 0) + 1) -%}
    {%- do describe_columns([{'name': 'distance_' ~ position, 'description': 'Distance from the centre of cluster ' ~ position ~ '.'}]) -%}
{%- endfor -%}
components as (
    select
        components.version,
        components.position,
        components.vector,
        len(components.vector) as length,
        {{ almanac_inner_product('means.vector', 'components.vector') }} as origin,
    from {{ ref('int_mbd_dialog_fits') }} as components
    inner join {{ ref('int_mbd_dialog_fits') }} as means on components.version = means.version and means.kind = 'mean'
    where components.kind = 'component'
),

centres as (
    select
        version,
        list(vector order by position) as points,
    from {{ ref('int_mbd_dialog_fits') }}
    where kind = 'center'
    group by version
),

projections as (
    select
        {{ dialogs }}.* exclude (embedding),
        components.position,
        {{ exactly_summable(almanac_inner_product(dialogs ~ '.embedding', 'components.vector') ~ ' - components.origin') }} as score,
    from {{ dialogs }}
    left join components
        on {{ dialogs }}.dialog_version = components.version and list_count({{ dialogs }}.embedding) = components.length
),

scored as (
    select
    {%- for column in columns %}
        {{ column }},
    {%- endfor %}
    {%- for position in range(1, size.get('components', 0) + 1) %}
        max(score) filter (where position = {{ position }} and isfinite(score)) as pc_{{ position }},
    {%- endfor %}
        list(score order by position) filter (where score is not null) as scores,
    from projections
    group by dialog, {{ columns | join(', ') }}
),

measured as (
    select
        scored.* exclude (scores),
        list_transform(centres.points, lambda point: {{ exactly_summable(almanac_distance('scored.scores', 'point')) }}) as distances,
    from scored
    left join centres on scored.dialog_version = centres.version and isfinite(list_sum(scored.scores))
),

projected as (
    select
        * exclude (distances),
        list_position(distances, list_min(distances)) as cluster,
        list_min(distances) as distance,
    {%- for position in range(1, size.get('clusters', 0) + 1) %}
        distances[{{ position }}] as distance_{{ position }},
    {%- endfor %}
    from measured
)
{%- endmacro %}
