{#-
    The slices of a grid: the whole, then each declared value of each dimension, then its `other`.
    in:  {slices: {event_type: [1, 2]}}
    out: [{name: '', condition: 'true', words: ''},
          {name: '__event_type_1', condition: 'event_type = 1', words: ', event type 1'}, …,
          {name: '__event_type_other', condition: 'event_type is null or event_type not in (1, 2)', words: …}]
-#}
{% macro grid_slices(grid) %}
    {% set slices = [{'name': '', 'condition': 'true', 'words': ''}] %}
    {% for dimension, values in grid.get('slices', {}).items() %}
        {% set words = dimension | replace('_', ' ') %}
        {% set literals = [] %}
        {% for value in values %}
            {% set literal = "'" ~ value ~ "'" if value is string else value | string | lower %}
            {% do literals.append(literal) %}
            {% do slices.append({
                'name': '__' ~ dimension ~ '_' ~ value | string | lower,
                'condition': dimension ~ ' = ' ~ literal,
                'words': ', ' ~ words ~ ' ' ~ value | string | lower,
            }) %}
        {% endfor %}
        {% set listed = literals | join(', ') %}
        {% do slices.append({
            'name': '__' ~ dimension ~ '_other',
            'condition': dimension ~ ' is null or ' ~ dimension ~ ' not in (' ~ listed ~ ')',
            'words': ', any other ' ~ words,
        }) %}
    {% endfor %}
    {{ return(slices) }}
{% endmacro %}
