{#- in: a cell, an aggregation. out: the windows in which it has an answer; one month and all of time have no slope. -#}
{% macro aggregation_windows(cell, aggregation) %}
    {{ return(cell.windows | reject('in', [1, 'all']) | list if aggregation == 'trend' else cell.windows) }}
{% endmacro %}
