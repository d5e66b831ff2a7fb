{# The generic tests that dbt's users know from dbt-utils: the same names and arguments. #}

{% test expression_is_true(model, expression, column_name='') %}
select * from {{ model }} where not ({{ column_name }} {{ expression }})
{% endtest %}

{% test equal_rowcount(model, compare_model, group_by_columns=[]) %}
{{ config(fail_calc='coalesce(sum(diff_count), 0)') }}
select * from (
    select {{ elt__columns(group_by_columns) }}rows_here, rows_there,
        abs(coalesce(rows_here, 0) - coalesce(rows_there, 0)) as diff_count
    from {{ elt__both_counts(model, compare_model, group_by_columns) }}
) as compared
where diff_count <> 0
{% endtest %}

{% test fewer_rows_than(model, compare_model, group_by_columns=[]) %}
{{ config(fail_calc='coalesce(sum(row_count_delta), 0)') }}
select *, greatest(rows_here - coalesce(rows_there, 0), 1) as row_count_delta
from {{ elt__both_counts(model, compare_model, group_by_columns) }}
where rows_here >= coalesce(rows_there, 0)
{% endtest %}

{# The rows of two relations counted side by side, in all or by group. #}
{% macro elt__both_counts(model, compare_model, group_by_columns) -%}
(select {{ elt__columns(group_by_columns) }}count(*) as rows_here from {{ model }} {{ elt__group_by(group_by_columns) }}) as here
{% if group_by_columns %}full join{% else %}cross join{% endif %}
(select {{ elt__columns(group_by_columns) }}count(*) as rows_there from {{ compare_model }} {{ elt__group_by(group_by_columns) }}) as there
{% if group_by_columns %}using ({{ group_by_columns | join(', ') }}){% endif %}
{%- endmacro %}

{% test equality(model, compare_model, compare_columns=[], exclude_columns=[], precision=none) %}
(
    {{ elt__as_values(model, compare_columns, exclude_columns, precision, 'only here') }}
    except
    {{ elt__as_values(compare_model, compare_columns, exclude_columns, precision, 'only here') }}
)
union all
(
    {{ elt__as_values(compare_model, compare_columns, exclude_columns, precision, 'only in the other') }}
    except
    {{ elt__as_values(model, compare_columns, exclude_columns, precision, 'only in the other') }}
)
{% endtest %}

{# Each row as one value, columns by their names; numbers rounded where a precision is given. #}
{% macro elt__as_values(model, columns, excluded, precision, side) -%}
select '{{ side }}' as side,
{%- if precision is not none %}
    (select jsonb_object_agg(key, case jsonb_typeof(value)
        when 'number' then to_jsonb(round((value #>> '{}')::numeric, {{ precision }})) else value end)
     from jsonb_each(to_jsonb(compared){% if excluded %} - array[{{ elt__list(excluded, true) }}]{% endif %})) as row_found
{%- else %}
    to_jsonb(compared){% if excluded %} - array[{{ elt__list(excluded, true) }}]{% endif %} as row_found
{%- endif %}
from (select {% if columns %}{{ columns | join(', ') }}{% else %}*{% endif %} from {{ model }}) as compared
{%- endmacro %}

{% test recency(model, field, datepart, interval, ignore_time_component=false, group_by_columns=[]) %}
select * from (
    select {{ elt__columns(group_by_columns) }}max({{ field }}){% if ignore_time_component %}::date{% endif %} as most_recent,
        ({{ dbt.current_timestamp() }} - {{ interval }} * {{ dbt.interval(datepart) }})::{% if ignore_time_component %}date{% else %}timestamp{% endif %} as threshold
    from {{ model }}
    {{ elt__group_by(group_by_columns) }}
) as newest
where most_recent is null or most_recent < threshold
{% endtest %}

{% test at_least_one(model, column_name, group_by_columns=[]) %}
select {{ elt__columns(group_by_columns) }}count({{ column_name }}) as filled
from {{ model }}
{{ elt__group_by(group_by_columns) }}
having count({{ column_name }}) = 0
{% endtest %}

{% test not_constant(model, column_name, group_by_columns=[]) %}
select {{ elt__columns(group_by_columns) }}count(distinct {{ column_name }}) as distinct_values
from {{ model }}
{{ elt__group_by(group_by_columns) }}
having count(distinct {{ column_name }}) = 1
{% endtest %}

{% test not_empty_string(model, column_name, trim_whitespace=true) %}
select * from {{ model }}
where {% if trim_whitespace %}trim({{ column_name }}){% else %}{{ column_name }}{% endif %} = ''
{% endtest %}

{% test cardinality_equality(model, column_name, to, field) %}
select value, sum(rows_here) as rows_here, sum(rows_there) as rows_there from (
    select {{ column_name }} as value, 1 as rows_here, 0 as rows_there from {{ model }}
    union all
    select {{ field }}, 0, 1 from {{ to }}
) as counted
group by value
having sum(rows_here) <> sum(rows_there)
{% endtest %}

{% test not_null_proportion(model, column_name, at_least=none, at_most=1, group_by_columns=[]) %}
select * from (
    select {{ elt__columns(group_by_columns) }}avg(case when {{ column_name }} is null then 0 else 1 end) as not_null_proportion
    from {{ model }}
    {{ elt__group_by(group_by_columns) }}
) as measured
where {{ elt__outside('not_null_proportion', at_least, at_most, false) }}
{% endtest %}

{% test not_accepted_values(model, column_name, values, quote=true) %}
select {{ column_name }} as value, count(*) as times
from {{ model }}
where {{ column_name }} in ({{ elt__list(values, quote) }})
group by {{ column_name }}
{% endtest %}

{% test relationships_where(model, column_name, to, field, from_condition='true', to_condition='true') %}
select {{ column_name }} as value from {{ model }} where {{ column_name }} is not null and ({{ from_condition }})
except
select {{ field }} from {{ to }} where {{ to_condition }}
{% endtest %}

{% test mutually_exclusive_ranges(model, lower_bound_column, upper_bound_column, partition_by='', gaps='allowed', zero_length_range_allowed=false) %}
{% if gaps not in ['allowed', 'not_allowed', 'required'] %}{{ throw(message="`gaps` is 'allowed', 'not_allowed' or 'required'") }}{% endif %}
select * from (
    select *,
        lead({{ lower_bound_column }}) over ordered as next_lower_bound,
        lead(1) over ordered is null as is_last
    from {{ model }}
    window ordered as ({% if partition_by %}partition by {{ partition_by }} {% endif %}order by {{ lower_bound_column }}, {{ upper_bound_column }})
) as ranges
where not coalesce({{ lower_bound_column }} {% if zero_length_range_allowed %}<={% else %}<{% endif %} {{ upper_bound_column }}, false)
   or not (is_last or coalesce({{ upper_bound_column }} {% if gaps == 'allowed' %}<={% elif gaps == 'required' %}<{% else %}={% endif %} next_lower_bound, false))
{% endtest %}

{% test sequential_values(model, column_name, interval=1, datepart=none, group_by_columns=[]) %}
select * from (
    select *, lag({{ column_name }}) over (
        {% if group_by_columns %}partition by {{ group_by_columns | join(', ') }} {% endif %}order by {{ column_name }}) as previous_value
    from {{ model }}
) as ordered
where {% if datepart is not none -%}
    {{ column_name }}::timestamp <> (previous_value + {{ interval }} * {{ dbt.interval(datepart) }})::timestamp
{%- else -%}
    {{ column_name }} <> previous_value + {{ interval }}
{%- endif %}
{% endtest %}

{% test unique_combination_of_columns(model, combination_of_columns, quote_columns=false) %}
select {{ elt__names(combination_of_columns, quote_columns) }}, count(*) as times
from {{ model }}
group by {{ elt__names(combination_of_columns, quote_columns) }}
having count(*) > 1
{% endtest %}

{% macro elt__names(names, quoted) -%}
{% for name in names %}{% if quoted %}"{{ name | replace('"', '""') }}"{% else %}{{ name }}{% endif %}{% if not loop.last %}, {% endif %}{% endfor %}
{%- endmacro %}

{% test accepted_range(model, column_name, min_value=none, max_value=none, inclusive=true) %}
select * from {{ model }} where {{ elt__outside(column_name, min_value, max_value, not inclusive) }}
{% endtest %}
