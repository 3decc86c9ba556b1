{#-
    The table below the view of a family that is kept as vectors.
    out: the relation `<model>__vectors`; none in a unit test, where nothing is built
-#}
{% macro vectors_table() %}
    {{ return(this.incorporate(path={'identifier': this.identifier ~ '__vectors'}, type='table') if this else none) }}
{% endmacro %}
