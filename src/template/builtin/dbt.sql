{# dbt's macros that write a piece of SQL for the database at hand: `dbt.dateadd(…)`, or without the prefix.
   Here they write PostgreSQL. A name `package__macro` is called as `package.macro`. #}

{% macro dbt__type_string() -%} text {%- endmacro %}
{% macro dbt__type_timestamp() -%} timestamp without time zone {%- endmacro %}
{% macro dbt__type_int() -%} integer {%- endmacro %}
{% macro dbt__type_bigint() -%} bigint {%- endmacro %}
{% macro dbt__type_numeric() -%} numeric(28,6) {%- endmacro %}
{% macro dbt__type_float() -%} double precision {%- endmacro %}
{% macro dbt__type_boolean() -%} boolean {%- endmacro %}
{% macro dbt__current_timestamp() -%} now() {%- endmacro %}

{% macro dbt__current_timestamp_backcompat() -%} current_timestamp::timestamp without time zone {%- endmacro %}
{% macro dbt__current_timestamp_in_utc_backcompat() -%}
(current_timestamp at time zone 'utc')::timestamp without time zone
{%- endmacro %}
{% macro dbt__snapshot_get_time() -%} now()::timestamp without time zone {%- endmacro %}
{% macro dbt__snapshot_hash_arguments(args) -%}
md5({% for arg in args %}coalesce(cast({{ arg }} as text), ''){% if not loop.last %} || '|' || {% endif %}{% endfor %})
{%- endmacro %}
{% macro dbt__equals(expr1, expr2) -%} ({{ expr1 }} = {{ expr2 }}) {%- endmacro %}

{% macro dbt__interval(datepart) -%}
interval '{% if datepart == 'quarter' %}3 month{% else %}1 {{ datepart }}{% endif %}'
{%- endmacro %}

{% macro dbt__dateadd(datepart, interval, from_date_or_timestamp) -%}
{{ from_date_or_timestamp }} + (({{ interval }}) * ({{ dbt.interval(datepart) }}))
{%- endmacro %}

{# How many borders of the part lie between the two; a week begins on Sunday. #}
{% macro dbt__datediff(first_date, second_date, datepart) -%}
{%- if datepart == 'year' -%}
(extract(year from ({{ second_date }})::date)::int - extract(year from ({{ first_date }})::date)::int)
{%- elif datepart in ['quarter', 'month'] -%}
({{ dbt.datediff(first_date, second_date, 'year') }} * {% if datepart == 'month' %}12{% else %}4{% endif %} + extract({{ datepart }} from ({{ second_date }})::date)::int - extract({{ datepart }} from ({{ first_date }})::date)::int)
{%- elif datepart == 'week' -%}
(floor((({{ second_date }})::date - date '1970-01-04') / 7.0) - floor((({{ first_date }})::date - date '1970-01-04') / 7.0))::int
{%- elif datepart == 'day' -%}
(({{ second_date }})::date - ({{ first_date }})::date)
{%- elif datepart in ['hour', 'minute', 'second'] -%}
((extract(epoch from date_trunc('{{ datepart }}', ({{ second_date }})::timestamp)) - extract(epoch from date_trunc('{{ datepart }}', ({{ first_date }})::timestamp))) / {% if datepart == 'hour' %}3600{% elif datepart == 'minute' %}60{% else %}1{% endif %})::bigint
{%- else -%}
(extract(epoch from ({{ second_date }})::timestamp - ({{ first_date }})::timestamp) * {% if datepart == 'millisecond' %}1000{% else %}1000000{% endif %})::bigint
{%- endif -%}
{%- endmacro %}

{% macro dbt__date_trunc(datepart, date) -%} date_trunc('{{ datepart }}', {{ date }}) {%- endmacro %}

{% macro dbt__last_day(date, datepart) -%}
cast(date_trunc('{{ datepart }}', {{ date }}) + {{ dbt.interval(datepart) }} - interval '1 day' as date)
{%- endmacro %}

{% macro dbt__date(year, month, day) -%} make_date({{ year }}, {{ month }}, {{ day }}) {%- endmacro %}

{% macro dbt__should_full_refresh() -%}
{% set configured = config.get('full_refresh') -%}
{{ return(flags.FULL_REFRESH if configured is none else configured) }}
{%- endmacro %}

{% macro dbt__should_store_failures() -%}
{% set configured = config.get('store_failures') -%}
{{ return(flags.STORE_FAILURES if configured is none else configured) }}
{%- endmacro %}

{% macro dbt__concat(fields) -%} {{ fields | join(' || ') }} {%- endmacro %}
{% macro dbt__hash(field) -%} md5(cast({{ field }} as text)) {%- endmacro %}
{% macro dbt__length(expression) -%} length({{ expression }}) {%- endmacro %}
{% macro dbt__position(substring_text, string_text) -%} position({{ substring_text }} in {{ string_text }}) {%- endmacro %}
{% macro dbt__replace(field, old_chars, new_chars) -%} replace({{ field }}, {{ old_chars }}, {{ new_chars }}) {%- endmacro %}
{% macro dbt__right(string_text, length_expression) -%} right({{ string_text }}, {{ length_expression }}) {%- endmacro %}
{% macro dbt__split_part(string_text, delimiter_text, part_number) -%} split_part({{ string_text }}, {{ delimiter_text }}, {{ part_number }}) {%- endmacro %}
{% macro dbt__string_literal(value) -%} {{ literal(value) }} {%- endmacro %}
{% macro dbt__escape_single_quotes(expression) -%} {{ expression | replace("'", "''") }} {%- endmacro %}

{% macro dbt__cast(field, type) -%} cast({{ field }} as {{ type }}) {%- endmacro %}
{# PostgreSQL has no cast that gives NULL instead of an error; dbt writes a plain one, too. #}
{% macro dbt__safe_cast(field, type) -%} cast({{ field }} as {{ type }}) {%- endmacro %}
{% macro dbt__cast_bool_to_text(field) -%} cast({{ field }} as text) {%- endmacro %}

{% macro dbt__bool_or(expression) -%} bool_or({{ expression }}) {%- endmacro %}
{% macro dbt__any_value(expression) -%} (array_agg({{ expression }}))[1] {%- endmacro %}
{% macro dbt__listagg(measure, delimiter_text="','", order_by_clause='', limit_num=none) -%}
{%- if limit_num is not none -%}
array_to_string((array_agg({{ measure }} {{ order_by_clause }}))[1:{{ limit_num }}], {{ delimiter_text }})
{%- else -%}
string_agg(({{ measure }})::text, {{ delimiter_text }} {{ order_by_clause }})
{%- endif -%}
{%- endmacro %}
{% macro dbt__array_construct(inputs=[], data_type='integer') -%}
{%- if inputs -%} array[{{ inputs | join(', ') }}] {%- else -%} array[]::{{ data_type }}[] {%- endif -%}
{%- endmacro %}
{% macro dbt__array_append(array, new_element) -%} array_append({{ array }}, {{ new_element }}) {%- endmacro %}
{% macro dbt__array_concat(array_1, array_2) -%} array_cat({{ array_1 }}, {{ array_2 }}) {%- endmacro %}
{% macro dbt__except() -%} except {%- endmacro %}
{% macro dbt__intersect() -%} intersect {%- endmacro %}

{% macro dbt__date_spine(datepart, start_date, end_date) -%} {{ dbt_utils.date_spine(datepart, start_date, end_date) }} {%- endmacro %}
{% macro dbt__generate_series(upper_bound) -%} {{ dbt_utils.generate_series(upper_bound) }} {%- endmacro %}

{# The day in the time zone of the variable that dbt-date reads, else in the session's. #}
{% macro dbt_date__today(tz=none) -%}
{%- set zone = tz or var('dbt_date:time_zone', '') -%}
{%- if zone %}(now() at time zone {{ literal(zone) }})::date{% else %}current_date{% endif -%}
{%- endmacro %}

{# As many rows as borders of the part lie between start and end; n_dateparts ends today, which counts. #}
{% macro dbt_date__get_base_dates(start_date=none, end_date=none, n_dateparts=none, datepart='day') -%}
{%- if n_dateparts is not none -%}
{%- set first = '(' ~ dbt_date.today() ~ ' - ' ~ n_dateparts ~ ' * ' ~ dbt.interval(datepart) ~ ')' -%}
{%- set end = '(' ~ dbt_date.today() ~ ' + 1)' -%}
{%- else -%}
{%- set first = literal(start_date) ~ '::timestamp' -%}
{%- set end = literal(end_date) ~ '::timestamp' -%}
{%- endif -%}
select ({{ first }} + number * {{ dbt.interval(datepart) }})::timestamp as date_{{ datepart }}
from generate_series(0, {{ dbt.datediff(first, end, datepart) }} - 1) as number
{%- endmacro %}

{# The least power of two that a number is not above: dbt builds series of numbers by it. #}
{% macro dbt__get_powers_of_two(upper_bound) -%}
{%- if upper_bound <= 0 -%}{{ throw("the upper bound must be above zero") }}{%- endif -%}
{%- for power in range(1, 100) if 2 ** power >= upper_bound -%}{{ return(power) }}{%- endfor -%}
{%- endmacro %}

{% macro dbt__get_intervals_between(start_date, end_date, datepart) -%}
{%- if not execute -%}{{ return(0) }}{%- endif -%}
{{ return(run_query('select ' ~ dbt.datediff(start_date, end_date, datepart))[0][0]) }}
{%- endmacro %}

{# What relations are called where a project does not say otherwise, for macros of its own to fall back on. #}
{% macro dbt__generate_schema_name(custom_schema_name=none, node=none) -%}
{{ target.schema }}{% if custom_schema_name is not none %}_{{ custom_schema_name | trim }}{% endif %}
{%- endmacro %}
{% macro dbt__default__generate_schema_name(custom_schema_name=none, node=none) -%}
{{ dbt.generate_schema_name(custom_schema_name, node) }}
{%- endmacro %}
{% macro dbt__generate_schema_name_for_env(custom_schema_name, node) -%}
{%- if target.name == 'prod' and custom_schema_name is not none -%}
{{ custom_schema_name | trim }}
{%- else -%}
{{ target.schema }}
{%- endif -%}
{%- endmacro %}
{% macro dbt__generate_alias_name(custom_alias_name=none, node=none) -%}
{{ (custom_alias_name or node.name) | trim }}
{%- endmacro %}
{% macro dbt__default__generate_alias_name(custom_alias_name=none, node=none) -%}
{{ dbt.generate_alias_name(custom_alias_name, node) }}
{%- endmacro %}
