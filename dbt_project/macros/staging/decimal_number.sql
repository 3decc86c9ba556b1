{#-
    A number from its text. One decimal sign holds for a whole file (landing decides it); the other sign may part thousands.
    in:  the text's column, the SQL of its file's decimal sign
    out: a finite double; null where the text is anything else
-#}
{% macro decimal_number(text, sign='files.decimal_sign') -%}
    {%- set text = 'trim(' ~ text ~ ')' -%}
    {%- set exponent = '([eE][+-]?[0-9]{1,3})?' -%}
    {%- set comma = '[+-]?(([0-9]+|[0-9]{1,3}(\\.[0-9]{3})+)(,[0-9]*)?|,[0-9]+)' ~ exponent -%}
    {%- set point = '[+-]?(([0-9]+|[0-9]{1,3}(,[0-9]{3})+)(\\.[0-9]*)?|\\.[0-9]+)' ~ exponent -%}
    {%- set number -%}
        case
            when {{ sign }} = ',' and regexp_full_match({{ text }}, '{{ comma }}')
                then try_cast(replace(replace({{ text }}, '.', ''), ',', '.') as double)
            when {{ sign }} is distinct from ',' and regexp_full_match({{ text }}, '{{ point }}')
                then try_cast(replace({{ text }}, ',', '') as double)
        end
    {%- endset -%}
    {{ number }}
{%- endmacro %}
