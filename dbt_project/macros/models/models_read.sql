{#-
    The models that a node of the graph reads, by name, whichever package they are of.
    in:  models_read(node) of ftr_trx
    out: ['int_mbd_trx_months', …]
-#}
{% macro models_read(node) %}
    {% set found = [] %}
    {% for id in node.depends_on.nodes if id.startswith('model.') %}
        {% do found.append(id.split('.') | last) %}
    {% endfor %}
    {{ return(found) }}
{% endmacro %}
