//! The real `elt serve`, over HTTP: lookups, runs, stops, and what must not get through.

mod lookups;
mod roles;
mod runs;
mod stops;

use std::process::Command;

use serde_json::{Value, json};

use crate::support::{Ended, Project};

/// What recency is counted to in these tests.
const REFERENCE: &str = "2020-06-01";
const SAMPLE: &str = "{voucher_history: 'sample://vouchers?rows=3000&seed=3'}";

/// The shipped project, counting recency to [`REFERENCE`].
async fn shipped() -> Project {
    let project = Project::shipped().await;
    let profile = std::fs::read_to_string(project.root.join("profiles.yml")).expect("it is shipped");
    assert!(profile.contains("lookup_date: today"), "{profile}");
    let profile = profile.replace("lookup_date: today", &format!("lookup_date: {REFERENCE}"));
    project.write("profiles.yml", &profile);
    project
}

/// A project of one small published table whose amount is the var `n`.
async fn tiny(more: &[(&str, &str)]) -> Project {
    let segments = "{{ config(materialized='table') }}
        select 'Peru' as country_code, 'frequent_segment' as segment_type, name as segment_name,
               lower as lower_value, upper as upper_value, {{ var('n', 1) }}::numeric as voucher_amount,
               10::bigint as segment_rows, 6::bigint as winner_rows, 1.5 as runner_up_amount,
               4::bigint as runner_up_rows, false as is_tie, false as low_support
        from (values ('1-4', 1, 4), ('5-13', 5, 13)) as segment (name, lower, upper)";
    Project::new(&[&[("models/prod/segments_derived.sql", segments)], more].concat()).await
}

fn customer(segment: &str, orders: i64, last_order: Option<&str>) -> Value {
    json!({"customer_id": 1, "country_code": "Peru", "total_orders": orders, "last_order_ts": last_order,
           "first_order_ts": null, "segment_name": segment})
}

fn days_before_reference(days: i64) -> String {
    let reference: jiff::civil::Date = REFERENCE.parse().expect("it is a date");
    reference.checked_sub(jiff::Span::new().days(days)).expect("it is near").to_string()
}

/// Runs elt on the project's own cluster.
fn embedded(project: &Project, arguments: &[&str]) -> Ended {
    let output = embedded_command(project, arguments).output().expect("the binary starts");
    Ended::new(arguments, output)
}

fn embedded_command(project: &Project, arguments: &[&str]) -> Command {
    let mut command = project.command(arguments);
    command.env_remove("DATABASE_URL");
    command
}
