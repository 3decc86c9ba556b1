{#- Yes or no from its text: true, t, yes, y, 1, 1.0 and their contraries, in any case. in: the text's column. out: a boolean, null where it is neither. -#}
{% macro almanac_flag(text) -%}
    case
            when regexp_full_match(lower(trim({{ text }})), 'true|t|yes|y|1(\.0+)?') then true
            when regexp_full_match(lower(trim({{ text }})), 'false|f|no|n|0(\.0+)?') then false
        end
{%- endmacro %}
