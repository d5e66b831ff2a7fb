//! Every generic test that elt brings is shown to pass on what is right and to fail on what is wrong; the
//! macros of dbt and dbt-utils write SQL that PostgreSQL understands.

use std::collections::BTreeSet;

use crate::support::Project;

const ROWS: &str = "{{ config(materialized='table') }}
select * from (values
    (1, 'a', 10, 10.5, 'X', 1, 2, date '2024-01-01', now()::timestamp),
    (2, 'b', 20, 20.5, 'Y', 2, 3, date '2024-01-02', now()::timestamp),
    (3, 'c', 30, 30.5, 'Y', 3, 4, date '2024-01-03', now()::timestamp - interval '9 hours')
) as t(id, name, amount, price, kind, lower_end, upper_end, day, seen_at)";

/// The same with faults: a doubled and a missing id, blanks, an overlap, old rows.
const FAULTS: &str = "{{ config(materialized='table') }}
select * from (values
    (1, 'a', 10, 10.5, 'X', 1, 5, date '2024-01-01', timestamp '2020-01-01'),
    (1, ' ', 20, 20.5, 'X', 2, 3, date '2024-01-05', timestamp '2020-01-01'),
    (null, 'A', 99, 30.5, 'X', 9, 7, date '2024-01-06', timestamp '2020-01-01'),
    (5, 'zz', 30, null, 'X', 9, 9, date '2024-01-06', timestamp '2020-01-01')
) as t(id, name, amount, price, kind, lower_end, upper_end, day, seen_at)";

/// A test with its column (or `-`) and arguments; `twin` in them is a copy of the good rows. On the faults
/// the same test must fail.
const CASES: &str = r#"
not_null id
unique id
accepted_values name values: [a, b, c]
accepted_values amount values: [10, 20, 30], quote: false
relationships id to: ref('twin'), field: id
range amount min: 10, max: 30
no_overlap - lower: lower_end, upper: upper_end - 1
expression amount expression: '<= 30'
expression_is_true amount expression: '<= 30'
expression_is_true - expression: 'amount <= 30'
expression_is_true - expression: "amount <= (select max(amount) from {{ ref('twin') }})"
equal_rowcount - compare_model: ref('twin')
equal_rowcount - compare_model: ref('twin'), group_by_columns: [kind]
fewer_rows_than - compare_model: ref('double') / compare_model: ref('twin')
fewer_rows_than - compare_model: ref('double'), group_by_columns: [kind]
equality - compare_model: ref('twin'), exclude_columns: [seen_at]
equality - compare_model: ref('twin'), compare_columns: [id, name]
equality - compare_model: ref('twin'), compare_columns: [id, price], precision: 1
recency - field: seen_at, datepart: day, interval: 1
recency - field: seen_at, datepart: hour, interval: 48, ignore_time_component: true, group_by_columns: [kind]
at_least_one price where: 'amount >= 30', group_by_columns: [amount]
not_constant kind
not_empty_string name
cardinality_equality id to: ref('twin'), field: id
not_null_proportion price at_least: 0.9
not_null_proportion price at_least: 0.9, group_by_columns: [amount]
not_accepted_values amount values: [99]
relationships_where id to: ref('twin'), field: id, from_condition: 'id <> 1', to_condition: 'id < 9'
mutually_exclusive_ranges - lower_bound_column: lower_end, upper_bound_column: upper_end
mutually_exclusive_ranges - lower_bound_column: lower_end, upper_bound_column: upper_end, gaps: not_allowed
sequential_values id interval: 1
sequential_values day interval: 1, datepart: day
unique_combination_of_columns - combination_of_columns: [id, kind]
unique_combination_of_columns - combination_of_columns: [id, kind], quote_columns: true
accepted_range amount min_value: 10, max_value: 30
accepted_range amount min_value: 9, max_value: 30.5, inclusive: false
expect_table_row_count_to_be_between - min_value: 1, max_value: 3
expect_table_row_count_to_equal - value: 3
expect_table_row_count_to_equal_other_table - compare_model: ref('twin')
expect_table_row_count_to_equal_other_table - compare_model: ref('twin'), group_by: [kind]
expect_table_aggregation_to_equal_other_table - expression: sum(amount), compare_model: ref('twin'), tolerance: 1
expect_table_aggregation_to_equal_other_table - expression: sum(amount), compare_model: ref('twin'), tolerance_percent: 0.01, group_by: [kind]
expect_row_values_to_have_recent_data seen_at datepart: day, interval: 1
expect_grouped_row_values_to_have_recent_data - group_by: [kind], timestamp_column: seen_at, datepart: day, interval: 1
expect_column_values_to_not_be_null id
expect_column_values_to_be_null id row_condition: 'amount > 30 or id = 5'
expect_column_values_to_be_unique id
expect_column_values_to_be_between amount min_value: 10, max_value: 30
expect_column_values_to_be_between amount min_value: 5, max_value: 31, strictly: true, row_condition: 'id is null or id > 0'
expect_column_values_to_be_in_set name value_set: [a, b, c]
expect_column_values_to_be_in_set amount value_set: [10, 20, 30], quote_values: false
expect_column_values_to_not_be_in_set amount value_set: [99, 98]
expect_column_values_to_match_regex name regex: '^[a-c]$'
expect_column_values_to_not_match_regex name regex: '^[^a-z]', flags: i
expect_column_values_to_match_regex_list name regex_list: ['^a$', '^b$', '^c$']
expect_column_values_to_not_match_regex_list name regex_list: ['zz', 'yy']
expect_column_values_to_match_like_pattern name like_pattern: '_'
expect_column_values_to_not_match_like_pattern name like_pattern: '__'
expect_column_values_to_match_like_pattern_list name like_pattern_list: [a, b, c]
expect_column_values_to_not_match_like_pattern_list name like_pattern_list: [z%, y%]
expect_column_value_lengths_to_equal name value: 1
expect_column_value_lengths_to_be_between name min_value: 1, max_value: 1
expect_column_values_to_have_consistent_casing name
expect_column_values_to_be_increasing day
expect_column_values_to_be_decreasing amount sort_column: -amount, where: 'id > 1 or id is null or price = 10.5', step: 10
expect_column_mean_to_be_between amount min_value: 15, max_value: 25
expect_column_sum_to_be_between amount min_value: 1, max_value: 60
expect_column_min_to_be_between id min_value: 1, row_condition: 'amount < 30 and name not like '' '' or id = 5', max_value: 1, group_by: [kind = 'X' and amount = 30]
expect_column_max_to_be_between amount max_value: 30
expect_column_stdev_to_be_between amount min_value: 0, max_value: 12
expect_column_median_to_be_between amount max_value: 20
expect_column_quantile_values_to_be_between amount quantile: 0.9, max_value: 40
expect_column_unique_value_count_to_be_between kind min_value: 2
expect_column_proportion_of_unique_values_to_be_between id min_value: 0.9
expect_column_distinct_count_to_equal kind value: 2
expect_column_distinct_count_to_be_greater_than kind value: 1
expect_column_distinct_count_to_be_less_than amount value: 4
expect_column_distinct_count_to_equal_other_table kind compare_model: ref('twin')
expect_column_distinct_values_to_be_in_set name value_set: [a, b, c]
expect_column_distinct_values_to_contain_set name value_set: [b, c]
expect_column_distinct_values_to_equal_set amount value_set: [10, 20, 30], quote_values: false
expect_column_most_common_value_to_be_in_set kind value_set: [Y]
expect_column_pair_values_A_to_be_greater_than_B - column_A: upper_end, column_B: lower_end
expect_column_pair_values_to_be_equal - column_A: upper_end - lower_end, column_B: '1'
expect_column_pair_values_to_be_in_set - column_A: id, column_B: amount, value_pairs_set: [[1, 10], [2, 20], [3, 30]]
expect_compound_columns_to_be_unique - column_list: [id, kind]
expect_multicolumn_sum_to_equal - column_list: [id, amount], sum_total: 66
expect_row_values_to_have_data_for_every_n_datepart - date_col: day, date_part: day
expect_column_values_to_be_within_n_stdevs amount sigma_threshold: 1.4
expect_column_values_to_be_within_n_moving_stdevs amount date_column_name: day, test_periods: 100000, take_logs: false, take_diffs: false
expect_select_column_values_to_be_unique_within_record - column_list: [lower_end, upper_end]
expect_table_row_count_to_equal_other_table_times_factor - compare_model: ref('twin'), factor: 1
"#;

/// Tests of columns, which both tables have alike: right and wrong arguments on the good rows.
const OF_COLUMNS: &str = r#"
expect_table_column_count_to_equal - value: 9 / value: 8
expect_table_column_count_to_be_between - min_value: 9, max_value: 9 / min_value: 10
expect_table_column_count_to_equal_other_table - compare_model: ref('twin') / compare_model: ref('double')
expect_table_columns_to_match_ordered_list - column_list: [ID, name, amount, price, kind, lower_end, upper_end, day, seen_at] / column_list: [name, id, amount, price, kind, lower_end, upper_end, day, seen_at]
expect_table_columns_to_match_set - column_list: [name, id, amount, price, kind, lower_end, upper_end, day, seen_at] / column_list: [id, amount, price, kind, lower_end, upper_end, day, seen_at]
expect_table_columns_to_contain_set - column_list: [Name, id] / column_list: [names, id]
expect_table_columns_to_not_contain_set - column_list: [names] / column_list: [name]
expect_column_to_exist day column_index: 8 / column_index: 7
expect_column_values_to_be_of_type day column_type: date / column_type: timestamp
expect_column_values_to_be_in_type_list id column_type_list: [text, int4] / column_type_list: [text, bigint]
"#;

#[tokio::test]
async fn every_built_in_test_passes_on_what_is_right_and_fails_on_what_is_wrong() {
    let (mut good, mut bad, mut names) = (String::new(), String::new(), BTreeSet::new());
    let mut number = 0;
    for line in CASES.lines().chain(OF_COLUMNS.lines()).filter(|line| !line.is_empty()) {
        number += 1;
        let mut words = line.splitn(3, ' ');
        let (name, column) = (words.next().unwrap(), words.next().unwrap());
        let arguments = words.next().unwrap_or_default();
        let (right, wrong) = arguments.split_once(" / ").unwrap_or((arguments, arguments));
        names.insert(name);
        let entry = |arguments: &str, kind: &str| {
            let column = if column == "-" { String::new() } else { format!(", column_name: {column}") };
            let arguments = if arguments.is_empty() { String::new() } else { format!(", {arguments}") };
            format!(
                "      - dbt_x.{name}: {{name: {kind}_{number}_{name}, severity: warn{column}{arguments}}}\n"
            )
        };
        good.push_str(&entry(right, "good"));
        bad.push_str(&entry(wrong, "bad"));
        if right != wrong {
            good.push_str(&entry(wrong, "bad"));
            bad.truncate(bad.len() - entry(wrong, "bad").len());
        }
    }
    let project = Project::new(&[
        ("models/stage/rows.sql", ROWS),
        ("models/stage/faults.sql", FAULTS),
        ("models/stage/twin.sql", "select * from {{ ref('rows') }}"),
        (
            "models/stage/double.sql",
            "select *, 1 as extra from {{ ref('rows') }} union all select *, 2 from {{ ref('rows') }}",
        ),
        (
            "models/stage/tests.yml",
            &format!("models:\n  - name: rows\n    tests:\n{good}  - name: faults\n    tests:\n{bad}"),
        ),
    ])
    .await;
    let ended = project.good(&["run"]);
    let found: BTreeSet<&str> = ended
        .stderr
        .lines()
        .filter_map(|line| line.strip_prefix("warning[test-failed]: ")?.split(' ').next())
        .collect();
    let wrong: Vec<&&str> = found.iter().filter(|name| !name.starts_with("bad_")).collect();
    assert!(wrong.is_empty(), "these should pass: {wrong:#?}\n{ended}");
    let numbers = found.iter().filter_map(|name| name.split('_').nth(1)?.parse().ok());
    let failed: BTreeSet<usize> = numbers.collect();
    let silent: Vec<usize> = (1..=number).filter(|number| !failed.contains(number)).collect();
    assert!(silent.is_empty(), "these cases should fail: {silent:?}\n{ended}");

    let built_in = [
        include_str!("../../src/template/builtin/tests.sql"),
        include_str!("../../src/template/builtin/dbt_utils_tests.sql"),
        include_str!("../../src/template/builtin/dbt_expectations.sql"),
    ];
    for name in built_in.iter().flat_map(|text| text.split("{% test ").skip(1)) {
        let name = name.split('(').next().unwrap_or_default();
        assert!(names.contains(name) || name == "name", "no case for the test `{name}`");
    }
}

#[tokio::test]
async fn the_macros_of_dbt_and_dbt_utils_write_postgresql() {
    let cases = [
        ("dbt_utils.generate_surrogate_key(['a', 'b'])", "98c6f2c2287f4c73cea3d40ae7ec3ff2"),
        ("dbt_utils.safe_divide('7.0', 'b')", "3.5000000000000000"),
        ("dbt_utils.safe_add(['b', 'null'])", "2"),
        ("dbt_utils.width_bucket('b', 0, 10, 5)", "2"),
        ("dbt_utils.haversine_distance('0', '0', '0', '1', unit='km') ~ '::int'", "111"),
        ("dbt_utils.get_url_host('url')", "example.org"),
        ("dbt_utils.get_url_path('url')", "a/b"),
        ("dbt_utils.get_url_parameter('url', 'x')", "1"),
        ("dbt.dateadd('day', 1, 'd')", "2024-03-01 00:00:00"),
        ("dateadd(datepart='quarter', interval=-1, from_date_or_timestamp='d')", "2023-11-29 00:00:00"),
        ("dbt.datediff('d', \"'2025-01-01'::date\", 'day')", "307"),
        ("dbt.datediff('d', \"'2025-01-01'::date\", 'month')", "11"),
        ("dbt.datediff('d', \"'2025-01-01'::date\", 'quarter')", "4"),
        ("dbt.datediff('d', \"'2025-01-01'::date\", 'year')", "1"),
        ("dbt.datediff('d', \"'2024-03-03'::date\", 'week')", "1"),
        ("dbt.datediff('d', \"'2024-03-01 01:59'::timestamp\", 'hour')", "25"),
        ("dbt.datediff('d', \"'2024-02-29 00:00:01.5'::timestamp\", 'millisecond')", "1500"),
        ("dbt.date_trunc('month', 'd')", "2024-02-01 00:00:00+00"),
        ("dbt.last_day('d', 'quarter')", "2024-03-31"),
        ("dbt.concat(['a', \"'-'\", 'b'])", "1-2"),
        ("dbt.hash('a')", "c4ca4238a0b923820dcc509a6f75849b"),
        ("dbt.length('url')", "29"),
        ("dbt.position(\"'e'\", 'url')", "9"),
        ("dbt.replace('url', \"'https://example.org/'\", \"''\")", "a/b?x=1&y"),
        ("dbt.right('url', 1)", "y"),
        ("dbt.split_part('url', \"'/'\", 3)", "example.org"),
        ("dbt.safe_cast('a', dbt.type_string())", "1"),
        ("dbt.cast_bool_to_text('true')", "true"),
        ("dbt.bool_or('true')", "true"),
        ("dbt.any_value('a')", "1"),
        ("dbt.listagg('a', \"'; '\", 'order by a')", "1"),
        ("dbt.string_literal(dbt.escape_single_quotes(\"it's\"))", "it''s"),
        ("dbt.cast('b', type_bigint())", "2"),
        ("dbt.cast('b', dbt.type_numeric())", "2.000000"),
        ("dbt.cast('b', dbt.type_float())", "2"),
        ("dbt.cast('b', type_int())", "2"),
        ("dbt.cast('d', dbt.type_timestamp())", "2024-02-29 00:00:00"),
    ];
    let columns: Vec<String> = cases
        .iter()
        .enumerate()
        .map(|(index, (call, _))| {
            // A list of two expressions is shown by its first.
            let body = match call.split_once(" ~ ") {
                Some((call, rest)) => format!("{{{{ {call} }}}}{}", rest.trim_matches('\'')),
                None => format!("{{{{ {call} }}}}"),
            };
            format!("(select array[({body})::text])[1] as c{index}")
        })
        .collect();
    let columns = columns.join(",\n");
    let model = format!(
        "select {columns}\nfrom (values ('1', 2, date '2024-02-29', 'https://example.org/a/b?x=1&y')) as t(a, b, d, url)\ngroup by a, b, d, url"
    );
    let project = Project::new(&[
        ("models/stage/m.sql", &model),
        ("models/stage/days.sql", "{{ dbt_utils.date_spine(datepart='day', start_date=\"'2024-02-27'::date\", end_date=\"'2024-03-02'::date\") }}"),
        ("models/stage/recent.sql", "{{ dbt_date.get_base_dates(n_dateparts=30, datepart='day') }}"),
        ("models/stage/series.sql", "select count(*) as n, 1 as one, 2 as two from ({{ dbt_utils.generate_series(5) }}) as s {{ dbt_utils.group_by(2) | replace('1, 2', '2, 3') }}"),
        ("models/stage/newest.sql", "{{ dbt_utils.deduplicate(ref('days'), partition_by='extract(month from date_day)', order_by='date_day desc') }}"),
        ("models/stage/pivoted.sql", "select {{ dbt_utils.pivot('n', [\"5\", 'o\"x'], prefix='is_') }} from (select n::text from {{ ref('series') }}) as s"),
    ])
    .await;
    project.good(&["run"]);
    for (index, (call, expected)) in cases.iter().enumerate() {
        assert_eq!(project.value(&format!("select c{index} from stage.m")).await, *expected, "{call}");
    }
    assert_eq!(
        project.value("select count(*) || ' ' || max(date_day)::date from stage.days").await,
        "4 2024-03-01"
    );
    assert_eq!(
        project
            .value("select count(*) || ' ' || (current_date - max(date_day)::date) from stage.recent")
            .await,
        "31 0"
    );
    assert_eq!(
        project.value("select count(*) || ' ' || min(date_day)::date from stage.newest").await,
        "2 2024-02-29"
    );
    assert_eq!(project.value("select is_5 from stage.pivoted").await, "1");
}

#[tokio::test]
async fn macros_that_there_are_not_are_told_at_their_place() {
    let project = Project::new(&[
        ("models/stage/b.sql", "select {{ dbt.datead('day', 1, 'now()') }} as d"),
        ("models/stage/c.sql", "select {{ dateadd('day', 1) }} as d"),
    ])
    .await;
    let ended = project.elt(&["compile"]).expect(2);
    insta::assert_snapshot!(ended.stderr, @r"
    error[template]: elt has no macro `dbt.datead`
     --> models/stage/b.sql:1:11
      |
    1 | select {{ dbt.datead('day', 1, 'now()') }} as d
      |           ^^^^^^^^^^
      |
      = help: did you mean `dateadd`?

    error[template]: `dateadd` lacks `from_date_or_timestamp`
     --> models/stage/c.sql:1:11
      |
    1 | select {{ dateadd('day', 1) }} as d
      |           ^^^^^^^^^^^^^^^^^
      |
      = help: it takes datepart, interval, from_date_or_timestamp

    2 problems; nothing was run.
    ");
}
