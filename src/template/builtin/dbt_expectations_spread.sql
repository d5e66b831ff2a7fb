{# More of the generic tests of dbt-expectations: rows against time, values against their own spread. #}

{% test expect_row_values_to_have_data_for_every_n_datepart(model, date_col, date_part='day', interval=1, row_condition='', exclusion_condition='', test_start_date=none, test_end_date=none) %}
{% set width = '(' ~ interval ~ ' * ' ~ dbt.interval(date_part) ~ ')' %}
select date_{{ date_part }} from (
    select generate_series(
        {% if test_start_date is not none %}{{ literal(test_start_date) }}::timestamp{% else %}date_trunc('{{ date_part }}', min({{ date_col }})::timestamp){% endif %},
        {% if test_end_date is not none %}{{ literal(test_end_date) }}::timestamp - interval '1 microsecond'{% else %}max({{ date_col }})::timestamp{% endif %},
        {{ width }}
    ) as date_{{ date_part }}
    from {{ model }} {{ elt__where(row_condition) }}
) as periods
where not exists (
    select from {{ model }}
    where {{ date_col }} >= date_{{ date_part }} and {{ date_col }} < date_{{ date_part }} + {{ width }}{{ elt__and(row_condition) }}
){{ elt__and(exclusion_condition) }}
{% endtest %}

{% test expect_column_values_to_be_within_n_stdevs(model, column_name, group_by=[], sigma_threshold=3) %}
select * from (
    select *, (value - avg(value) over ()) / nullif(stddev(value) over (), 0) as sigma
    from (
        {% if group_by -%}
        select {{ elt__columns(group_by) }}sum({{ column_name }})::numeric as value from {{ model }} {{ elt__group_by(group_by) }}
        {%- else -%}
        select *, {{ column_name }}::numeric as value from {{ model }}
        {%- endif %}
    ) as metric
) as scored
where abs(sigma) > {{ sigma_threshold }}
{% endtest %}

{# The change of a sum from one period to a later one, against the changes before it; of the last periods
   that are over. #}
{% test expect_column_values_to_be_within_n_moving_stdevs(model, column_name, date_column_name, group_by=[], period='day', lookback_periods=1, trend_periods=7, test_periods=14, sigma_threshold=3, sigma_threshold_upper=none, sigma_threshold_lower=none, take_diffs=true, take_logs=true) %}
{% set upper = sigma_threshold %}
{% if sigma_threshold_upper is not none %}{% set upper = sigma_threshold_upper %}{% endif %}
{% set lower = 0 - sigma_threshold %}
{% if sigma_threshold_lower is not none %}{% set lower = sigma_threshold_lower %}{% endif %}
select * from (
    select *, (change - avg(change) over trend) / nullif(stddev(change) over trend, 0) as sigma
    from (
        select *, {% if take_diffs %}value - lag(value, {{ lookback_periods }}) over ({% if group_by %}partition by {{ group_by | join(', ') }} {% endif %}order by period){% else %}value{% endif %} as change
        from (
            select {{ elt__columns(group_by) }}date_trunc('{{ period }}', {{ date_column_name }})::timestamp as period, {% if take_logs %}ln(nullif(sum({{ column_name }}), 0)){% else %}sum({{ column_name }}){% endif %}::numeric as value
            from {{ model }}
            group by {{ elt__columns(group_by) }}date_trunc('{{ period }}', {{ date_column_name }})
        ) as metric
    ) as changed
    window trend as ({% if group_by %}partition by {{ group_by | join(', ') }} {% endif %}order by period rows between {{ trend_periods }} preceding and 1 preceding)
) as scored
where period >= date_trunc('{{ period }}', now()::timestamp) - {{ test_periods }} * {{ dbt.interval(period) }}
  and period < date_trunc('{{ period }}', now()::timestamp)
  and not (sigma between {{ lower }} and {{ upper }})
{% endtest %}

{% test expect_select_column_values_to_be_unique_within_record(model, column_list, quote_columns=false, ignore_row_if='all_values_are_missing', row_condition='') %}
select * from {{ model }}
where (select count(one) > count(distinct one) from unnest(array[{% for name in column_list %}({{ elt__names([name], quote_columns) }})::text{% if not loop.last %}, {% endif %}{% endfor %}]) as each_value(one))
{%- if ignore_row_if == 'any_value_is_missing' %} and num_nulls({{ elt__names(column_list, quote_columns) }}) = 0{% endif %}{{ elt__and(row_condition) }}
{% endtest %}

{% test expect_table_row_count_to_equal_other_table_times_factor(model, compare_model, factor, group_by=[], compare_group_by=[], row_condition='', compare_row_condition='') %}
{{ elt__aggregates_differ(model, 'count(*)', compare_model, 'count(*) * ' ~ factor, group_by, compare_group_by, row_condition, compare_row_condition, 0, none) }}
{% endtest %}
