{#- in: a part, the lengths of windows. out: what its columns of single months and windows end with. -#}
{% macro part_suffixes(part, lengths) %}
    {% set suffixes = [] %}
    {% for length in lengths if length <= part.longest %}{% do suffixes.append('__' ~ window_name(length)) %}{% endfor %}
    {% for lag in part.lags %}{% do suffixes.append('__1m_lag' ~ lag) %}{% endfor %}
    {{ return(suffixes) }}
{% endmacro %}
