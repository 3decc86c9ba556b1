{#-
    Whether the model adds to what is built; else it is built from nothing: at first, on --full-refresh, and where its
    columns are no longer those that the specs ask for. Models of `monthly`, `bucketed` and `vectors` ask this; unit tests
    override it.
-#}
{% macro is_increment() %}
    {% if not execute or should_full_refresh() or load_relation(named()) is none or load_relation(built()) is none %}
        {{ return(false) }}
    {% endif %}
    {% if config.get('materialized') == 'bucketed' or not layout() %}{{ return(true) }}{% endif %}
    {% set columns = adapter.get_columns_in_relation(named()) | map(attribute='name') | reject('in', ['customer_id', 'feature_month', 'event_timestamp', 'month_version']) | list %}
    {{ return(columns == layout()) }}
{% endmacro %}

{#- out: the columns that the specs ask for, in order: of a family its features, of a partial its parts; else none. -#}
{% macro layout() %}
    {% if config.get('materialized') == 'vectors' %}
        {{ return(features(spec(model.name)) | map(attribute='name') | list) }}
    {% endif %}
    {% set parts = [] %}
    {% for spec in specs_of(model.name) %}
        {% do parts.extend(grid_parts(spec) | map(attribute='name') | list) %}
    {% endfor %}
    {{ return(parts | unique | list) }}
{% endmacro %}

{#- out: the relation that people name. -#}
{% macro named() %}
    {{ return(api.Relation.create(
        database=this.database, schema=this.schema, identifier=this.identifier,
        type='view' if config.get('materialized') == 'vectors' else 'table',
    )) }}
{% endmacro %}

{#- out: the table of rows: for vectors the one below the view of names. -#}
{% macro built() %}
    {% if config.get('materialized') == 'vectors' %}
        {{ return(api.Relation.create(
            database=this.database, schema=this.schema, identifier=this.identifier ~ '__vectors', type='table',
        )) }}
    {% endif %}
    {{ return(named()) }}
{% endmacro %}

{#- in: a time of events. out: whether it lies in the batch of months being built; true where there is but one batch. -#}
{% macro in_batch(time) -%}
    {{ time }} >= coalesce(getvariable('batch_start'), timestamp '-infinity') and {{ time }} < coalesce(getvariable('batch_end'), timestamp 'infinity')
{%- endmacro %}

{#- in: a customer. out: whether it is in the bucket being built; true where there is but one. -#}
{% macro in_bucket(customer) -%}
    hash({{ customer }}) % coalesce(getvariable('buckets'), 1) = coalesce(getvariable('bucket'), 0)
{%- endmacro %}

{#- in: the model of event files. out: a condition on `_file`: the files that hold months to be built again. -#}
{% macro in_changed_files(files) -%}
    {%- if not is_increment() -%}
        true
    {%- else -%}
        {{ in_files(run_query(
            'with ' ~ changed_months(ref(files), specs_of(model.name))
            ~ ' select distinct files.file from ' ~ ref(files) ~ ' as files inner join changed using (feature_month)'
        ).columns[0].values() | list) }}
    {%- endif -%}
{%- endmacro %}

{#-
    The months to be built, in batches that fit in memory: a month's customers times columns bounds each, or its events times
    eight, if these are more.
    in:  the relation of event files, specs, the number of columns
    out: [{start: '2022-01-01', end: '2022-04-01'}, …]
-#}
{% macro month_batches(files, specs, columns) %}
    {% set months = run_query(
        'with ' ~ changed_months(files, specs)
        ~ " select changed.feature_month, cast(changed.feature_month + interval 1 month as date), greatest(sum(files.customers) * " ~ columns ~ ", sum(files.events) * 8)"
        ~ ' from changed inner join ' ~ files ~ ' as files using (feature_month) group by changed.feature_month order by changed.feature_month'
    ).rows %}
    {% set batches = [] %}
    {% for month in months %}
        {% set cells = month[2] | int %}
        {% if batches and batches[-1].cells + cells <= var('cells_at_once') %}
            {% do batches[-1].update({'end': month[1], 'cells': batches[-1].cells + cells}) %}
        {% else %}
            {% do batches.append({'start': month[0], 'end': month[1], 'cells': cells}) %}
        {% endif %}
    {% endfor %}
    {{ return(batches) }}
{% endmacro %}
