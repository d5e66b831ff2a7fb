{# What the voucher models share. #}

{# Which rows are of the countries asked for. #}
{% macro is_wanted_country(country) -%}
    {%- set wanted = var('country_codes', ['Peru']) -%}
    {%- if wanted is string %}{% set wanted = [wanted] %}{% endif -%}
    {%- if wanted | length == 0 -%}
        true
    {%- else -%}
        lower(btrim({{ country }})) in (
            {%- for name in wanted %}{{ literal(name | lower | trim) }}{% if not loop.last %}, {% endif %}{% endfor -%}
        )
    {%- endif -%}
{%- endmacro %}

{# Whether a cleaning rule is switched on, as SQL. A misspelt name in the var is an error, not a rule less. #}
{% macro is_active(rule) -%}
    {%- set known = ['empty_total_orders', 'empty_voucher_amount', 'zero_orders_with_dates', 'one_order_two_dates', 'last_before_first'] -%}
    {%- set active = var('cleaning_rules', known) -%}
    {%- for name in active -%}
        {%- if name not in known -%}
            {{ throw(message="the var `cleaning_rules` names `" ~ name ~ "`; it knows " ~ (known | join(', '))) }}
        {%- endif -%}
    {%- endfor -%}
    {%- if rule in active %}true{% else %}false{% endif -%}
{%- endmacro %}

{# The day that recency is counted to, for a row given at `given_at`. #}
{% macro reference_day(given_at) -%}
    {%- set written = var('reference_date', 'latest') -%}
    {%- if written == 'row' -%}
        ({{ given_at }})::date
    {%- elif written == 'latest' -%}
        (select newest_day from {{ ref('voucher_newest_day') }})
    {%- elif written == 'today' -%}
        (now() at time zone 'UTC')::date
    {%- else -%}
        date {{ literal(written) }}
    {%- endif -%}
{%- endmacro %}
