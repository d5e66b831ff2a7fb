{# The generic tests that dbt's users know from dbt-expectations: the same names and arguments.
   A NULL fails only where NULL itself is asked about. #}

{# The table as a whole. #}

{% test expect_table_row_count_to_be_between(model, min_value=none, max_value=none, group_by=[], row_condition='', strictly=false) %}
{{ elt__aggregate_between(model, 'count(*)', min_value, max_value, group_by, row_condition, strictly) }}
{% endtest %}

{% test expect_table_row_count_to_equal(model, value, group_by=[], row_condition='') %}
{{ elt__aggregate_between(model, 'count(*)', value, value, group_by, row_condition, false) }}
{% endtest %}

{% test expect_table_row_count_to_equal_other_table(model, compare_model, group_by=[], compare_group_by=[], factor=1, row_condition='', compare_row_condition='') %}
{{ elt__aggregates_differ(model, 'count(*)', compare_model, 'count(*) * ' ~ factor, group_by, compare_group_by, row_condition, compare_row_condition, 0, none) }}
{% endtest %}

{% test expect_table_aggregation_to_equal_other_table(model, expression, compare_model, compare_expression='', group_by=[], compare_group_by=[], row_condition='', compare_row_condition='', tolerance=0, tolerance_percent=none) %}
{% set other = expression %}
{% if compare_expression %}{% set other = compare_expression %}{% endif %}
{{ elt__aggregates_differ(model, expression, compare_model, other, group_by, compare_group_by, row_condition, compare_row_condition, tolerance, tolerance_percent) }}
{% endtest %}

{% test expect_table_column_count_to_equal(model, value) %}
select count(*) as columns from {{ elt__column_list(model) }} having count(*) <> {{ value }}
{% endtest %}

{% test expect_table_column_count_to_be_between(model, min_value=none, max_value=none) %}
select count(*) as columns from {{ elt__column_list(model) }} having {{ elt__outside('count(*)', min_value, max_value, false) }}
{% endtest %}

{% test expect_table_column_count_to_equal_other_table(model, compare_model) %}
select * from
    (select count(*) as columns_here from {{ elt__column_list(model) }}) as here,
    (select count(*) as columns_there from {{ elt__column_list(compare_model) }}) as there
where columns_here <> columns_there
{% endtest %}

{% test expect_table_columns_to_match_ordered_list(model, column_list, transform='upper') %}
select * from
    (select {{ elt__as_column('name', transform) }} as column_found, place from {{ elt__column_list(model) }}) as found
    full join
    (select {{ elt__as_column('name', transform) }} as column_expected, place from {{ elt__wanted(column_list) }}) as wanted
    using (place)
where column_found is distinct from column_expected
{% endtest %}

{% test expect_table_columns_to_match_set(model, column_list, transform='upper') %}
select * from
    (select {{ elt__as_column('name', transform) }} as column_found from {{ elt__column_list(model) }}) as found
    full join
    (select {{ elt__as_column('name', transform) }} as column_expected from {{ elt__wanted(column_list) }}) as wanted
    on column_found = column_expected
where column_found is null or column_expected is null
{% endtest %}

{% test expect_table_columns_to_contain_set(model, column_list, transform='upper') %}
select name as column_missing from {{ elt__wanted(column_list) }}
where {{ elt__as_column('name', transform) }} not in (select {{ elt__as_column('name', transform) }} from {{ elt__column_list(model) }})
{% endtest %}

{% test expect_table_columns_to_not_contain_set(model, column_list, transform='upper') %}
select name as column_found from {{ elt__column_list(model) }}
where {{ elt__as_column('name', transform) }} in (select {{ elt__as_column('name', transform) }} from {{ elt__wanted(column_list) }})
{% endtest %}

{% test expect_column_to_exist(model, column_name, column_index=none, transform='upper') %}
select 'no such column' as problem
where not exists (
    select from {{ elt__column_list(model) }}
    where {{ elt__as_column('name', transform) }} = {{ elt__as_column(literal(column_name.strip('"')), transform) }}
    {%- if column_index is not none %} and place = {{ column_index }}{% endif %}
)
{% endtest %}

{% test expect_row_values_to_have_recent_data(model, column_name, datepart, interval, row_condition='') %}
select * from (
    select max({{ column_name }})::timestamp as most_recent, ({{ dbt.current_timestamp() }} - {{ interval }} * {{ dbt.interval(datepart) }})::timestamp as threshold
    from {{ model }} where {{ column_name }} <= {{ dbt.current_timestamp() }}{{ elt__and(row_condition) }}
) as newest
where most_recent is null or most_recent < threshold
{% endtest %}

{% test expect_grouped_row_values_to_have_recent_data(model, group_by, timestamp_column, datepart, interval, row_condition='') %}
select * from (
    select {{ elt__columns(group_by) }}max({{ timestamp_column }})::timestamp as most_recent, ({{ dbt.current_timestamp() }} - {{ interval }} * {{ dbt.interval(datepart) }})::timestamp as threshold
    from {{ model }} {{ elt__where(row_condition) }}
    {{ elt__group_by(group_by) }}
) as newest
where most_recent is null or most_recent < threshold
{% endtest %}

{# What a column holds, row by row. #}

{% test expect_column_values_to_be_null(model, column_name, row_condition='') %}
select * from {{ model }} where {{ column_name }} is not null{{ elt__and(row_condition) }}
{% endtest %}

{% test expect_column_values_to_not_be_null(model, column_name, row_condition='') %}
select * from {{ model }} where {{ column_name }} is null{{ elt__and(row_condition) }}
{% endtest %}

{% test expect_column_values_to_be_unique(model, column_name, row_condition='') %}
select {{ column_name }}, count(*) as times
from {{ model }} where {{ column_name }} is not null{{ elt__and(row_condition) }}
group by {{ column_name }} having count(*) > 1
{% endtest %}

{% test expect_column_values_to_be_between(model, column_name, min_value=none, max_value=none, row_condition='', strictly=false) %}
select * from {{ model }} where {{ elt__outside(column_name, min_value, max_value, strictly) }}{{ elt__and(row_condition) }}
{% endtest %}

{% test expect_column_values_to_be_in_set(model, column_name, value_set, quote_values=true, row_condition='') %}
select * from {{ model }} where {{ column_name }} not in ({{ elt__list(value_set, quote_values) }}){{ elt__and(row_condition) }}
{% endtest %}

{% test expect_column_values_to_not_be_in_set(model, column_name, value_set, quote_values=true, row_condition='') %}
select * from {{ model }} where {{ column_name }} in ({{ elt__list(value_set, quote_values) }}){{ elt__and(row_condition) }}
{% endtest %}

{% test expect_column_values_to_match_regex(model, column_name, regex, row_condition='', is_raw=false, flags='') %}
select * from {{ model }} where not {{ elt__matches(column_name, [regex], 'any', flags) }}{{ elt__and(row_condition) }}
{% endtest %}

{% test expect_column_values_to_not_match_regex(model, column_name, regex, row_condition='', is_raw=false, flags='') %}
select * from {{ model }} where {{ elt__matches(column_name, [regex], 'any', flags) }}{{ elt__and(row_condition) }}
{% endtest %}

{% test expect_column_values_to_match_regex_list(model, column_name, regex_list, match_on='any', row_condition='', is_raw=false, flags='') %}
select * from {{ model }} where not {{ elt__matches(column_name, regex_list, match_on, flags) }}{{ elt__and(row_condition) }}
{% endtest %}

{% test expect_column_values_to_not_match_regex_list(model, column_name, regex_list, match_on='any', row_condition='', is_raw=false, flags='') %}
select * from {{ model }} where {{ elt__matches(column_name, regex_list, match_on, flags) }}{{ elt__and(row_condition) }}
{% endtest %}

{% test expect_column_values_to_match_like_pattern(model, column_name, like_pattern, row_condition='') %}
select * from {{ model }} where {{ column_name }}::text not like {{ literal(like_pattern) }}{{ elt__and(row_condition) }}
{% endtest %}

{% test expect_column_values_to_not_match_like_pattern(model, column_name, like_pattern, row_condition='') %}
select * from {{ model }} where {{ column_name }}::text like {{ literal(like_pattern) }}{{ elt__and(row_condition) }}
{% endtest %}

{% test expect_column_values_to_match_like_pattern_list(model, column_name, like_pattern_list, match_on='any', row_condition='') %}
select * from {{ model }} where not ({{ column_name }}::text like {{ match_on }} (array[{{ elt__list(like_pattern_list, true) }}])){{ elt__and(row_condition) }}
{% endtest %}

{% test expect_column_values_to_not_match_like_pattern_list(model, column_name, like_pattern_list, match_on='any', row_condition='') %}
select * from {{ model }} where {{ column_name }}::text like {{ match_on }} (array[{{ elt__list(like_pattern_list, true) }}]){{ elt__and(row_condition) }}
{% endtest %}

{% test expect_column_value_lengths_to_equal(model, column_name, value, row_condition='') %}
select * from {{ model }} where length({{ column_name }}::text) <> {{ value }}{{ elt__and(row_condition) }}
{% endtest %}

{% test expect_column_value_lengths_to_be_between(model, column_name, min_value=none, max_value=none, row_condition='', strictly=false) %}
select * from {{ model }} where {{ elt__outside('length(' ~ column_name ~ '::text)', min_value, max_value, strictly) }}{{ elt__and(row_condition) }}
{% endtest %}

{% test expect_column_values_to_have_consistent_casing(model, column_name, display_inconsistent_columns=false) %}
select lower({{ column_name }}) as value, count(distinct {{ column_name }}) as spellings
from {{ model }} group by 1 having count(distinct {{ column_name }}) > 1
{% endtest %}

{% test expect_column_values_to_be_of_type(model, column_name, column_type) %}
{{ elt__type_outside(model, column_name, [column_type]) }}
{% endtest %}

{% test expect_column_values_to_be_in_type_list(model, column_name, column_type_list) %}
{{ elt__type_outside(model, column_name, column_type_list) }}
{% endtest %}

{% test expect_column_values_to_be_increasing(model, column_name, sort_column='', strictly=true, row_condition='', group_by=[], step=none) %}
{{ elt__disordered(model, column_name, sort_column, strictly, row_condition, group_by, step, '>') }}
{% endtest %}

{% test expect_column_values_to_be_decreasing(model, column_name, sort_column='', strictly=true, row_condition='', group_by=[], step=none) %}
{{ elt__disordered(model, column_name, sort_column, strictly, row_condition, group_by, step, '<') }}
{% endtest %}

{# What a column comes to. #}

{% test expect_column_mean_to_be_between(model, column_name, min_value=none, max_value=none, group_by=[], row_condition='', strictly=false) %}
{{ elt__aggregate_between(model, 'avg(' ~ column_name ~ ')', min_value, max_value, group_by, row_condition, strictly) }}
{% endtest %}

{% test expect_column_sum_to_be_between(model, column_name, min_value=none, max_value=none, group_by=[], row_condition='', strictly=false) %}
{{ elt__aggregate_between(model, 'sum(' ~ column_name ~ ')', min_value, max_value, group_by, row_condition, strictly) }}
{% endtest %}

{% test expect_column_min_to_be_between(model, column_name, min_value=none, max_value=none, group_by=[], row_condition='', strictly=false) %}
{{ elt__aggregate_between(model, 'min(' ~ column_name ~ ')', min_value, max_value, group_by, row_condition, strictly) }}
{% endtest %}

{% test expect_column_max_to_be_between(model, column_name, min_value=none, max_value=none, group_by=[], row_condition='', strictly=false) %}
{{ elt__aggregate_between(model, 'max(' ~ column_name ~ ')', min_value, max_value, group_by, row_condition, strictly) }}
{% endtest %}

{% test expect_column_stdev_to_be_between(model, column_name, min_value=none, max_value=none, group_by=[], row_condition='', strictly=false) %}
{{ elt__aggregate_between(model, 'stddev(' ~ column_name ~ ')', min_value, max_value, group_by, row_condition, strictly) }}
{% endtest %}

{% test expect_column_median_to_be_between(model, column_name, min_value=none, max_value=none, group_by=[], row_condition='', strictly=false) %}
{{ elt__aggregate_between(model, 'percentile_cont(0.5) within group (order by ' ~ column_name ~ ')', min_value, max_value, group_by, row_condition, strictly) }}
{% endtest %}

{% test expect_column_unique_value_count_to_be_between(model, column_name, min_value=none, max_value=none, group_by=[], row_condition='', strictly=false) %}
{{ elt__aggregate_between(model, 'count(distinct ' ~ column_name ~ ')', min_value, max_value, group_by, row_condition, strictly) }}
{% endtest %}

{% test expect_column_proportion_of_unique_values_to_be_between(model, column_name, min_value=none, max_value=none, group_by=[], row_condition='', strictly=false) %}
{{ elt__aggregate_between(model, 'count(distinct ' ~ column_name ~ ')::numeric / nullif(count(' ~ column_name ~ '), 0)', min_value, max_value, group_by, row_condition, strictly) }}
{% endtest %}

{% test expect_column_quantile_values_to_be_between(model, column_name, quantile, min_value=none, max_value=none, group_by=[], row_condition='', strictly=false) %}
{{ elt__aggregate_between(model, 'percentile_cont(' ~ quantile ~ ') within group (order by ' ~ column_name ~ ')', min_value, max_value, group_by, row_condition, strictly) }}
{% endtest %}

{% test expect_column_distinct_count_to_equal(model, column_name, value, group_by=[], row_condition='') %}
{{ elt__aggregate_between(model, 'count(distinct ' ~ column_name ~ ')', value, value, group_by, row_condition, false) }}
{% endtest %}

{% test expect_column_distinct_count_to_be_greater_than(model, column_name, value, group_by=[], row_condition='') %}
{{ elt__aggregate_between(model, 'count(distinct ' ~ column_name ~ ')', value, none, group_by, row_condition, true) }}
{% endtest %}

{% test expect_column_distinct_count_to_be_less_than(model, column_name, value, group_by=[], row_condition='') %}
{{ elt__aggregate_between(model, 'count(distinct ' ~ column_name ~ ')', none, value, group_by, row_condition, true) }}
{% endtest %}

{% test expect_column_distinct_count_to_equal_other_table(model, column_name, compare_model, compare_column_name='', row_condition='', compare_row_condition='') %}
{% set other = column_name %}
{% if compare_column_name %}{% set other = compare_column_name %}{% endif %}
{{ elt__aggregates_differ(model, 'count(distinct ' ~ column_name ~ ')', compare_model, 'count(distinct ' ~ other ~ ')', [], [], row_condition, compare_row_condition, 0, none) }}
{% endtest %}

{% test expect_column_distinct_values_to_be_in_set(model, column_name, value_set, quote_values=true, row_condition='') %}
select * from {{ model }} where {{ column_name }} not in ({{ elt__list(value_set, quote_values) }}){{ elt__and(row_condition) }}
{% endtest %}

{% test expect_column_distinct_values_to_contain_set(model, column_name, value_set, quote_values=true, row_condition='') %}
select wanted as value_missing from unnest(array[{{ elt__list(value_set, quote_values) }}]) as wanted
where wanted::text not in (select {{ column_name }}::text from {{ model }} where {{ column_name }} is not null{{ elt__and(row_condition) }})
{% endtest %}

{% test expect_column_distinct_values_to_equal_set(model, column_name, value_set, quote_values=true, row_condition='') %}
select * from
    (select distinct {{ column_name }}::text as value_found from {{ model }} where {{ column_name }} is not null{{ elt__and(row_condition) }}) as found
    full join
    (select distinct wanted::text as value_expected from unnest(array[{{ elt__list(value_set, quote_values) }}]) as wanted) as wanted
    on value_found = value_expected
where value_found is null or value_expected is null
{% endtest %}

{% test expect_column_most_common_value_to_be_in_set(model, column_name, value_set, top_n=1, quote_values=true, data_type='', row_condition='', strictly=false) %}
select * from (
    select {{ column_name }} as value, count(*) as times
    from {{ model }} {{ elt__where(row_condition) }}
    group by 1 order by 2 desc, 1 limit {{ top_n }}
) as most_common
where value not in ({{ elt__list(value_set, quote_values) }})
{% endtest %}

{# Several columns. #}

{% test expect_column_pair_values_A_to_be_greater_than_B(model, column_A, column_B, or_equal=false, row_condition='') %}
select * from {{ model }} where not ({{ column_A }} {% if or_equal %}>={% else %}>{% endif %} {{ column_B }}){{ elt__and(row_condition) }}
{% endtest %}

{% test expect_column_pair_values_to_be_equal(model, column_A, column_B, row_condition='') %}
select * from {{ model }} where {{ column_A }} is distinct from {{ column_B }}{{ elt__and(row_condition) }}
{% endtest %}

{% test expect_column_pair_values_to_be_in_set(model, column_A, column_B, value_pairs_set, row_condition='') %}
select * from {{ model }} where ({{ column_A }}, {{ column_B }}) not in ({% for pair in value_pairs_set %}({{ pair | join(', ') }}){% if not loop.last %}, {% endif %}{% endfor %}){{ elt__and(row_condition) }}
{% endtest %}

{% test expect_compound_columns_to_be_unique(model, column_list, quote_columns=false, ignore_row_if='all_values_are_missing', row_condition='') %}
select {{ elt__names(column_list, quote_columns) }}, count(*) as times
from {{ model }}
where {% if ignore_row_if == 'never' %}true{% elif ignore_row_if == 'any_value_is_missing' %}num_nulls({{ elt__names(column_list, quote_columns) }}) = 0{% else %}num_nonnulls({{ elt__names(column_list, quote_columns) }}) > 0{% endif %}{{ elt__and(row_condition) }}
group by {{ elt__names(column_list, quote_columns) }}
having count(*) > 1
{% endtest %}

{% test expect_multicolumn_sum_to_equal(model, column_list, sum_total, group_by=[], row_condition='') %}
{{ elt__aggregate_between(model, 'sum(' ~ (column_list | join(') + sum(')) ~ ')', sum_total, sum_total, group_by, row_condition, false) }}
{% endtest %}

{# What these share. #}

{% macro elt__aggregate_between(model, aggregate, min_value, max_value, group_by, row_condition, strictly) -%}
select * from (
    select {{ elt__columns(group_by) }}{{ aggregate }} as value
    from {{ model }} {{ elt__where(row_condition) }}
    {{ elt__group_by(group_by) }}
) as aggregated
where {{ elt__outside('value', min_value, max_value, strictly) }}
{%- endmacro %}

{% macro elt__aggregates_differ(model, expression, compare_model, compare_expression, group_by, compare_group_by, row_condition, compare_row_condition, tolerance, tolerance_percent) -%}
{%- set groups = group_by -%}
{%- set other_groups = group_by -%}
{%- if compare_group_by %}{% set other_groups = compare_group_by %}{% endif -%}
select * from
    (select {% for name in groups %}{{ name }} as group_{{ loop.index }}, {% endfor %}{{ expression }} as value_here
     from {{ model }} {{ elt__where(row_condition) }} {{ elt__group_by(groups) }}) as here
    {% if groups %}full join{% else %}cross join{% endif %}
    (select {% for name in other_groups %}{{ name }} as group_{{ loop.index }}, {% endfor %}{{ compare_expression }} as value_there
     from {{ compare_model }} {{ elt__where(compare_row_condition) }} {{ elt__group_by(other_groups) }}) as there
    {% if groups %}using ({% for name in groups %}group_{{ loop.index }}{% if not loop.last %}, {% endif %}{% endfor %}){% endif %}
where value_here is distinct from value_there
{%- if tolerance_percent is not none %}
  and coalesce(abs(value_here - value_there) > {{ tolerance_percent }} * abs(value_there), true)
{%- elif tolerance != 0 %}
  and coalesce(abs(value_here - value_there) > {{ tolerance }}, true)
{%- endif %}
{%- endmacro %}

{# The columns of a relation or query, in order: a row without values still has all names. #}
{% macro elt__column_list(model) -%}
(select name, place from json_object_keys((
    select row_to_json(one) from (
        select of_model.* from (select 1) as here left join (select * from {{ model }} limit 0) as of_model on true
    ) as one
)) with ordinality as listed(name, place)) as columns
{%- endmacro %}

{% macro elt__wanted(names) -%}
unnest(array[{{ elt__list(names, true) }}]) with ordinality as wanted_names(name, place)
{%- endmacro %}

{% macro elt__as_column(name, transform) -%}
{% if transform %}{{ transform }}({{ name }}){% else %}{{ name }}{% endif %}
{%- endmacro %}

{% macro elt__matches(column, patterns, match_on, flags) -%}
({% for pattern in patterns %}regexp_match({{ column }}::text, {{ literal(pattern) }}, {{ literal(flags) }}) is not null{% if not loop.last %} {% if match_on == 'all' %}and{% else %}or{% endif %} {% endif %}{% endfor %} or {{ column }} is null)
{%- endmacro %}

{% macro elt__type_outside(model, column, types) -%}
select * from (
    select pg_typeof(of_model.{{ column }}) as type_found
    from (select 1) as here left join (select {{ column }} from {{ model }} limit 0) as of_model on true
) as typed
where type_found not in ({% for type in types %}{{ literal(type | lower) }}::regtype{% if not loop.last %}, {% endif %}{% endfor %})
{%- endmacro %}

{% macro elt__disordered(model, column, sort_column, strictly, row_condition, group_by, step, direction) -%}
select * from (
    select *, lag({{ column }}) over (
        {% if group_by %}partition by {{ group_by | join(', ') }} {% endif %}order by {% if sort_column %}{{ sort_column }}{% else %}{{ column }}{% endif %}) as previous_value
    from {{ model }} {{ elt__where(row_condition) }}
) as ordered
where previous_value is not null and not ({{ column }} {{ direction }}{% if not strictly %}={% endif %} previous_value
    {%- if step is not none %} and {{ column }} = previous_value {% if direction == '>' %}+{% else %}-{% endif %} {{ step }}{% endif %})
{%- endmacro %}
