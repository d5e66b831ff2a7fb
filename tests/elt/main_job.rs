//! The main job: from the voucher file to the published answer, on the real file and on the sample.

use crate::support::{Project, real_file};

/// `voucher_amount x winner_rows, runner-up x rows of segment_rows` of one segment.
async fn segment(project: &Project, name: &str) -> String {
    project
        .value(&format!(
            "select format('%s: %s x%s, %s x%s', segment_rows, voucher_amount, winner_rows, runner_up_amount, \
             runner_up_rows) from prod.segments_derived where segment_name = '{name}'"
        ))
        .await
}

async fn quality(project: &Project, step: &str) -> String {
    project.value(&format!("select row_count from prod.voucher_data_quality where step = '{step}'")).await
}

#[tokio::test]
async fn every_figure_of_the_real_file_comes_out() {
    let Some(file) = real_file() else { return };
    let project = Project::shipped().await;
    let run = |reference: &str| {
        let vars = format!("{{voucher_history: '{}', reference_date: '{reference}'}}", file.display());
        project.good(&["run", "--vars", &vars]);
    };
    run("row");
    assert_eq!(project.value("select count(*) from raw.voucher_history").await, "285570");
    assert_eq!(quality(&project, "rows_in").await, "44920");
    assert_eq!(quality(&project, "rows_kept").await, "34262");
    assert_eq!(quality(&project, "empty_total_orders").await, "3519");
    assert_eq!(quality(&project, "empty_voucher_amount").await, "819");
    assert_eq!(quality(&project, "zero_orders_with_dates").await, "4281");
    assert_eq!(quality(&project, "one_order_two_dates").await, "2243");
    assert_eq!(quality(&project, "last_before_first").await, "0");
    assert_eq!(quality(&project, "unreadable_value").await, "0");
    assert_eq!(segment(&project, "1-4").await, "11282: 2640 x4620, 3520 x3338");
    assert_eq!(segment(&project, "14-37").await, "7256: 2640 x4401, 4400 x1430");
    assert_eq!(segment(&project, "30-60").await, "16128: 2640 x10199, 4400 x2976");
    let third = "select amount || ' x' || n from (select voucher_amount as amount, count(*) as n, \
                 row_number() over (order by count(*) desc) as place from stage.vouchers_clean \
                 where recency_segment = '30-60' group by voucher_amount) t where place = 3";
    assert_eq!(project.value(third).await, "3520 x2953");

    run("2018-09-15");
    assert_eq!(segment(&project, "61-90").await, "1820: 2640 x855, 4400 x494");
}

#[tokio::test]
async fn all_countries_are_kept_where_none_is_named() {
    let Some(file) = real_file() else { return };
    let project = Project::shipped().await;
    let vars = format!("{{voucher_history: '{}', country_codes: []}}", file.display());
    project.good(&["run", "--vars", &vars]);
    let counts = "select string_agg(country_code || ' ' || row_count, ', ' order by country_code) \
                  from prod.voucher_data_quality where step = 'rows_in'";
    assert_eq!(project.value(counts).await, "Australia 78396, China 99738, Latvia 62516, Peru 44920");
}

#[tokio::test]
async fn the_sample_runs_without_any_preparation_and_shows_what_it_made() {
    let project = Project::shipped().await;
    let run = project.good(&["run", "--vars", "{voucher_history: 'sample://vouchers?rows=5000&seed=3'}"]);
    let run = run.says("Published 36 relations").says("Next: elt serve");
    run.prints("prod.segments_derived").prints("rows_kept");
    // Raw is the file untouched, and says where it came from.
    assert_eq!(project.value("select count(*) from raw.voucher_history").await, "5000");
    assert_eq!(
        project.value("select distinct _source from raw.voucher_history").await,
        "sample://vouchers?rows=5000&seed=3"
    );
}

#[tokio::test]
async fn a_file_loaded_twice_does_not_double_its_rows() {
    let project = Project::shipped().await;
    for _ in 0..2 {
        project.good(&["run", "--vars", "{voucher_history: 'sample://vouchers?rows=1000&seed=3'}"]);
    }
    assert_eq!(project.value("select count(*) from raw.voucher_history").await, "1000");
}

#[tokio::test]
async fn csv_parquet_gzip_and_both_editions_give_the_same_segments() {
    let project = Project::shipped().await;
    let segments = "select md5(string_agg(t::text, '|' order by segment_type, lower_value)) \
                    from prod.segments_derived t";
    let mut seen = Vec::new();
    for (edition, format) in [("2018", "csv"), ("2018", "parquet"), ("2020", "csv"), ("2020", "parquet")] {
        let file = format!("history_{edition}.{format}");
        project.good(&[
            "generate",
            "vouchers",
            "--rows",
            "4000",
            "--seed",
            "5",
            "--edition",
            edition,
            "--format",
            format,
            "--out",
            &file,
        ]);
        project.good(&["run", "--vars", &format!("{{voucher_history: {file}, reference_date: row}}")]);
        seen.push((edition, project.value(segments).await, quality(&project, "rows_kept").await));
    }
    assert_eq!(seen[0], seen[1], "CSV and Parquet of one edition");
    assert_eq!(seen[2], seen[3], "CSV and Parquet of one edition");
}

/// A file of hand-made rows, for rules that generated data meets too rarely to be sure of.
const HAND_MADE: &str = "\
timestamp,country_code,last_order_ts,first_order_ts,total_orders,voucher_amount
2020-06-01 10:00:00,Peru,2020-04-01,2020-01-01,2.0,100
2020-06-01 10:00:00+00:00,PERU ,2020-04-01,2020-01-01 00:00:00+00:00,2,100
2020-06-01T10:00:00Z,peru,2020-04-01 01:00:00+05:00,2020-01-01,3.0,200
2020-06-01,Peru,2020-04-01,2020-01-01,4.0,200.0
2020-06-01,Peru,2020-04-01,2020-01-01,   ,100
2020-06-01,Peru,2020-04-01,2020-01-01,12.5,100
2020-06-01,Peru,2018-13-40,2020-01-01,2.0,100
2020-06-01,Peru,2020-02-30,2020-01-01,2.0,100
2020-06-01,Peru,2020-04-01,2020-01-01,2.0,
2020-06-01,Peru,2020-04-01,,0.0,100
2020-06-01,Peru,2020-04-01,2020-03-01,1.0,100
2020-06-01,Peru,2020-03-31,2020-04-01,9.0,100
2020-06-01,Peru,2020-07-01,2020-01-01,20.0,300
2020-06-01,Chile,2020-04-01,2020-01-01,2.0,999
";

#[tokio::test]
async fn rules_count_what_they_would_drop_and_ties_go_to_the_lower_value() {
    let project = Project::shipped().await;
    project.write("hand.csv", HAND_MADE);
    project.good(&["run", "--vars", "{voucher_history: hand.csv, min_segment_rows: 2}"]);
    assert_eq!(quality(&project, "rows_in").await, "13");
    assert_eq!(quality(&project, "empty_total_orders").await, "1");
    assert_eq!(quality(&project, "empty_voucher_amount").await, "1");
    assert_eq!(quality(&project, "zero_orders_with_dates").await, "1");
    assert_eq!(quality(&project, "one_order_two_dates").await, "1");
    assert_eq!(quality(&project, "last_before_first").await, "1");
    assert_eq!(quality(&project, "unreadable_value").await, "3");
    assert_eq!(quality(&project, "rows_kept").await, "5");
    assert_eq!(segment(&project, "1-4").await, "4: 100 x2, 200 x2");
    let tie = "select is_tie || ' ' || low_support from prod.segments_derived where segment_name = '1-4'";
    assert_eq!(project.value(tie).await, "true false");
    let few = "select low_support from prod.segments_derived where segment_name = '14-37'";
    assert_eq!(project.value(few).await, "t");
    // 2020-04-01 to 2020-06-01 is 61 days; one hour past midnight at +05:00 is the day before in UTC: 62.
    assert_eq!(segment(&project, "61-90").await, "4: 100 x2, 200 x2");
    // A last order after the reference day is in no segment, never in an old one.
    assert_eq!(quality(&project, "in_no_recency_segment").await, "1");
}

#[tokio::test]
async fn cleaning_rules_can_be_switched_off_and_misspelt_ones_are_refused() {
    let project = Project::shipped().await;
    project.write("hand.csv", HAND_MADE);
    project.good(&["run", "--vars", "{voucher_history: hand.csv, cleaning_rules: [empty_total_orders]}"]);
    assert_eq!(quality(&project, "rows_kept").await, "9");
    let off =
        "select string_agg(step, ',' order by step_order) from prod.voucher_data_quality where not is_active";
    assert_eq!(
        project.value(off).await,
        "empty_voucher_amount,zero_orders_with_dates,one_order_two_dates,last_before_first"
    );
    project
        .elt(&["run", "--vars", "{voucher_history: hand.csv, cleaning_rules: [empty_orders]}"])
        .expect(2)
        .says("`cleaning_rules` names `empty_orders`");
}
