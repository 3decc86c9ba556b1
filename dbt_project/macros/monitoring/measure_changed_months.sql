{#-
    A post-hook of all models below `features`: measures the months of the model's own family, as measure_months says.
    out: the statements; none where the model is no family
-#}
{% macro measure_changed_months() %}
    {%- if execute and model.config.get('meta', {}).get('family') and flags.WHICH in ('build', 'run') %}
    {{- measure_months(model, vectors_table() if model.config.materialized == 'vectors' else this) }}
    {%- endif %}
{% endmacro %}
