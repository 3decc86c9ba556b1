{#-
    Why a customer may or may not be contacted; the one place that decides it. Only `yes` and `setting` allow contact.
    in:  the statement of almanac_consents() on the customer, null where there is none
    out: yes | no clear yes | setting | no record
-#}
{% macro almanac_contact_basis(is_yes) -%}
    case
        when {{ is_yes }} then 'yes'
        when not {{ is_yes }} then 'no clear yes'
        when {{ almanac_setting('contact_without_record.since') }} is not null then 'setting'
        else 'no record'
    end
{%- endmacro %}
