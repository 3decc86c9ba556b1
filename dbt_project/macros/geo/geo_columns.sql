{#-
    The parts of one precision's monthly figures, for the grid of ftr_geo: sums and counts that months add up.
    in:  the letters of a geohash: 4, 5 or 6; rows of int_mbd_geo_places by letters
    out: count(*) of cells as cell6__nunique, …
-#}
{% macro geo_columns(letters) -%}
    {%- set at = ' filter (where letters = ' ~ letters ~ ')' -%}
    {%- set figures = {
        'cell' ~ letters ~ '_entropy': 'entropy',
        'home' ~ letters ~ '_share': 'home_share',
        'home' ~ letters ~ '_change': 'home_changed',
        'unvisited' ~ letters ~ '_share': 'unvisited_share',
    } -%}
    {{ '' }}
        coalesce(sum(cells){{ at }}, 0) as cell{{ letters }}__nunique,
        coalesce(sum(new_cells){{ at }}, 0) as new_cell{{ letters }}__nunique,
    {%- for months in geo_spans() %}
        coalesce(sum(cells_{{ months }}m){{ at }}, 0) as cell{{ letters }}_in_{{ months }}m__nunique,
    {%- endfor %}
    {%- for measure, figure in figures.items() %}
        sum({{ figure }}){{ at }} as {{ measure }}__sum,
        count({{ figure }}){{ at }} as {{ measure }}__count,
    {%- endfor %}
{%- endmacro %}
