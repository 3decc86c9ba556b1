{#-
    One setting of the workspace, as text: `workspace.yml` over the source's own default.
    in:  almanac_setting('one_click.snapshot_month')
    out: (select value from landed.workspace__settings where name = 'one_click.snapshot_month')
-#}
{% macro almanac_setting(name) -%}
    (select settings.value from {{ source('workspace', 'settings') }} as settings where settings.name = '{{ name }}')
{%- endmacro %}
