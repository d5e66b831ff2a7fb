{# Reading values that were delivered as text. A value is blank, or readable, or neither: what is neither is
   never turned into NULL silently, its row is dropped under a rule of its own. #}

{% macro is_blank(value) -%}
    (btrim(coalesce({{ value }}, '')) = '')
{%- endmacro %}

{# 2018-04-20, with or without a time of day, with or without a zone. February 30 is not readable. #}
{% macro is_timestamp(value) -%}
    (case
        when btrim({{ value }}) !~ '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])([ T]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]+)?)? ?(Z|[+-][0-9]{2}(:?[0-9]{2})?)?)?$' then false
        when substr(btrim({{ value }}), 9, 2) <= '28' then substr(btrim({{ value }}), 1, 4) > '0000'
        when substr(btrim({{ value }}), 1, 4) = '0000' then false
        else substr(btrim({{ value }}), 9, 2)::int <= extract(day from
            make_date(substr(btrim({{ value }}), 1, 4)::int, substr(btrim({{ value }}), 6, 2)::int, 1)
            + interval '1 month - 1 day')
    end)
{%- endmacro %}

{# The moment in UTC; NULL where the value is blank or not readable. Without a zone it is UTC already. #}
{% macro as_utc(value) -%}
    (case
        when not {{ is_timestamp(value) }} then null
        when {{ value }} ~ ':[0-9.]+ ?(Z|[+-][0-9:]+) *$' then btrim({{ value }})::timestamptz at time zone 'UTC'
        else btrim({{ value }})::timestamp
    end)
{%- endmacro %}

{# A count, spelt 136 or 136.0. #}
{% macro is_count(value) -%}
    (btrim({{ value }}) ~ '^[0-9]{1,9}([.]0*)?$')
{%- endmacro %}

{% macro as_count(value) -%}
    (case when {{ is_count(value) }} then split_part(btrim({{ value }}), '.', 1)::int end)
{%- endmacro %}

{% macro is_amount(value) -%}
    (btrim({{ value }}) ~ '^[0-9]{1,12}([.][0-9]*)?$')
{%- endmacro %}

{% macro as_amount(value) -%}
    (case when {{ is_amount(value) }} then trim_scale(rtrim(btrim({{ value }}), '.')::numeric) end)
{%- endmacro %}
