{#-
    The slices of a grid: the whole, then each declared value of each dimension, then its `other`, so that nothing is lost.
    in:  {slices: {event_type: [1, 2], weekend: {expression: isodow(event_time) > 5, values: [true], words: weekend}}}
         A dimension is a column of the events, or an expression over one; `other: false` leaves its rest out.
    out: [{name: '', condition: 'true', words: ''},
          {name: '__event_type_1', condition: 'event_type = 1', words: ', event type 1'}, …,
          {name: '__event_type_other', condition: 'event_type is null or event_type not in (1, 2)', words: …}]
-#}
{% macro grid_slices(grid) %}
    {% set slices = [{'name': '', 'condition': 'true', 'words': ''}] %}
    {% for dimension, declared in grid.get('slices', {}).items() %}
        {% set known = declared if declared is mapping else {'values': declared} %}
        {% set expression = '(' ~ known.expression ~ ')' if 'expression' in known else dimension %}
        {% set words = known.get('words', dimension | replace('_', ' ')) %}
        {% set literals = [] %}
        {% for value in known['values'] %}
            {% set literal = "'" ~ value | replace("'", "''") ~ "'" if value is string else value | string | lower %}
            {% do literals.append(literal) %}
            {% do slices.append({
                'name': '__' ~ dimension ~ '_' ~ value_name(value),
                'condition': expression ~ ' = ' ~ literal,
                'words': ', ' ~ words ~ ' ' ~ value | string | lower,
            }) %}
        {% endfor %}
        {% if known.get('other', true) %}
            {% do slices.append({
                'name': '__' ~ dimension ~ '_other',
                'condition': expression ~ ' is null or ' ~ expression ~ ' not in (' ~ literals | join(', ') ~ ')',
                'words': ', any other ' ~ words,
            }) %}
        {% endif %}
    {% endfor %}
    {{ return(slices) }}
{% endmacro %}
