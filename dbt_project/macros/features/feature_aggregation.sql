{#- in: a feature's name. out: its aggregation, the words that end the name's first clause. -#}
{% macro feature_aggregation(name) %}
    {% for aggregation in [
        'sum', 'mean', 'min', 'max', 'std', 'count', 'nunique', 'last', 'days_since', 'share', 'trend', 'ratio',
    ] if name.split('__')[0].endswith('_' ~ aggregation) %}
        {{ return(aggregation) }}
    {% endfor %}
    {% do exceptions.raise_compiler_error("The feature " ~ name ~ " names no aggregation before its first `__`.") %}
{% endmacro %}
