{#- in: two parts of one name. Does: stops the build where they are not one, for only one of them would be kept. -#}
{% macro refuse_two_meanings(known, part) %}
    {% if (known.expression, known.condition) != (part.expression, part.condition) %}
        {% do exceptions.raise_compiler_error(
            'The specs in models/features make two things of ' ~ part.name ~ ': `' ~ known.expression ~ '` where `' ~ known.condition
            ~ '`, and `' ~ part.expression ~ '` where `' ~ part.condition ~ '`.\nRename one measure or slice, then: dbt build'
        ) %}
    {% endif %}
{% endmacro %}
