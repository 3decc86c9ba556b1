{#- For a post-hook of int_monitoring_counts: removes months that no file holds any more, and tables that are not monitored. -#}
{% macro forget_lost_counts() %}
    delete from {{ this }} where (source, table_name, feature_month) not in (
        {%- for each in models_with('monitored') %}
        {{ 'union all' if not loop.first }} select '{{ source_of_partial(each.model) }}', '{{ each.declared.table }}', feature_month from {{ ref(each.declared.files) }}
        {%- endfor %}
    )
{% endmacro %}
