{# The macros of dbt-utils that models call and that ask the database nothing. #}

{# md5 over the fields as text with `-` between them; the same key as dbt-utils gives. #}
{% macro dbt_utils__generate_surrogate_key(field_list) -%}
{%- if var('surrogate_key_treat_nulls_as_empty_strings', false) -%}
{%- set missing = "''" -%}
{%- else -%}
{%- set missing = "'_dbt_utils_surrogate_key_null_'" -%}
{%- endif -%}
{%- set fields = [field_list] if field_list is string else field_list -%}
md5(cast({% for field in fields %}coalesce(cast({{ field }} as text), {{ missing }}){% if not loop.last %} || '-' || {% endif %}{% endfor %} as text))
{%- endmacro %}

{% macro dbt_utils__surrogate_key(field_list) -%} {{ dbt_utils.generate_surrogate_key(field_list) }} {%- endmacro %}

{% macro dbt_utils__safe_add(field_list) -%}
{% for field in field_list %}coalesce({{ field }}, 0){% if not loop.last %} + {% endif %}{% endfor %}
{%- endmacro %}

{% macro dbt_utils__safe_subtract(field_list) -%}
{% for field in field_list %}coalesce({{ field }}, 0){% if not loop.last %} - {% endif %}{% endfor %}
{%- endmacro %}

{% macro dbt_utils__safe_divide(numerator, denominator) -%}
({{ numerator }}) / nullif(({{ denominator }}), 0)
{%- endmacro %}

{% macro dbt_utils__group_by(n) -%}
group by {% for number in range(1, n + 1) %}{{ number }}{% if not loop.last %}, {% endif %}{% endfor %}
{%- endmacro %}

{% macro dbt_utils__generate_series(upper_bound) -%}
select generated_number from generate_series(1, {{ upper_bound }}) as generated_number
{%- endmacro %}

{# From start_date on, end_date left out. #}
{% macro dbt_utils__date_spine(datepart, start_date, end_date) -%}
select moment as date_{{ datepart }}
from generate_series(
    ({{ start_date }})::timestamp,
    ({{ end_date }})::timestamp - interval '1 microsecond',
    {{ dbt.interval(datepart) }}
) as moment
{%- endmacro %}

{% macro dbt_utils__deduplicate(relation, partition_by, order_by) -%}
select distinct on ({{ partition_by }}) *
from {{ relation }}
order by {{ partition_by }}, {{ order_by }}
{%- endmacro %}

{% macro dbt_utils__haversine_distance(lat1, lon1, lat2, lon2, unit='mi') -%}
(2 * 3961 * asin(sqrt(
    sin(radians(({{ lat2 }} - {{ lat1 }}) / 2.0)) ^ 2
    + cos(radians({{ lat1 }})) * cos(radians({{ lat2 }})) * sin(radians(({{ lon2 }} - {{ lon1 }}) / 2.0)) ^ 2
)) * {% if unit == 'km' %}1.60934{% elif unit == 'mi' %}1{% else %}{{ throw(message="the unit is 'mi' or 'km'") }}{% endif %})
{%- endmacro %}

{% macro dbt_utils__width_bucket(expr, min_value, max_value, num_buckets) -%}
width_bucket(({{ expr }})::numeric, ({{ min_value }})::numeric, ({{ max_value }})::numeric, {{ num_buckets }})
{%- endmacro %}

{% macro dbt_utils__pivot(column, values, alias=true, agg='sum', cmp='=', prefix='', suffix='', then_value=1, else_value=0, quote_identifiers=true, distinct=false) -%}
{%- for value in values if value is not none %}
{{ agg }}({% if distinct %}distinct {% endif %}case when {{ column }} {{ cmp }} {{ literal(value) }} then {{ then_value }} else {{ else_value }} end)
{%- if alias %} as {% if quote_identifiers %}"{{ prefix }}{{ value | string | replace('"', '""') }}{{ suffix }}"{% else %}{{ prefix }}{{ dbt_utils.slugify(value) }}{{ suffix }}{% endif %}{% endif %}{% if not loop.last %},{% endif %}
{%- endfor %}
{%- endmacro %}

{% macro dbt_utils__slugify(string) -%}
{%- set slug = modules.re.sub('[^a-z0-9_]+', '', modules.re.sub('[ -]+', '_', string | string | lower)) -%}
{{ modules.re.sub('^([0-9])', '_\\1', slug) }}
{%- endmacro %}

{% macro dbt_utils__get_url_host(field) -%}
split_part(split_part(regexp_replace({{ field }}, '^(https?|android-app)://', ''), '/', 1), '?', 1)
{%- endmacro %}

{% macro dbt_utils__get_url_path(field) -%}
split_part(regexp_replace(regexp_replace({{ field }}, '^https?://', ''), '^[^/?]*/?', ''), '?', 1)
{%- endmacro %}

{% macro dbt_utils__get_url_parameter(field, url_parameter) -%}
nullif(split_part(split_part({{ field }}, '{{ url_parameter }}=', 2), '&', 1), '')
{%- endmacro %}

{# Lines of the log as dbt-utils writes them. #}
{% macro dbt_utils__pretty_time(format='%H:%M:%S') -%} {{ modules.datetime.datetime.now().strftime(format) }} {%- endmacro %}
{% macro dbt_utils__pretty_log_format(message) -%} {{ dbt_utils.pretty_time() ~ ' + ' ~ message }} {%- endmacro %}
{% macro dbt_utils__log_info(message) -%} {{ log(dbt_utils.pretty_log_format(message), info=true) }} {%- endmacro %}

{# Packages ask these before they take a relation for one. #}
{% macro dbt_utils___is_relation(obj, macro) %}{% endmacro %}
{% macro dbt_utils___is_ephemeral(obj, macro) %}{% endmacro %}
