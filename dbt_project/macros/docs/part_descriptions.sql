{#-
    The words of a customer-month partial's columns.
    in:  the partial's name
    out: [{name: 'amount__event_type_1__sum', description: 'Transaction amounts, event type 1, in the month: sum.'}, …]
-#}
{% macro part_descriptions(partial) %}
    {% set described = [] %}
    {% for spec in almanac_specs_of(partial) %}
        {% for part in grid_parts(spec) %}
            {% do described.append({'name': part.name, 'description': part.description}) %}
        {% endfor %}
    {% endfor %}
    {{ return(described) }}
{% endmacro %}
