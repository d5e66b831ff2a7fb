//! `sources.json`: how fresh the sources are, in dbt's version 3.

use jiff::Timestamp;
use serde::Serialize;

use super::{Invocation, Metadata, time};

/// What was found of one source.
pub struct Freshness {
    /// `source.<project>.<source>.<table>`
    pub unique_id: String,
    /// Newest row and the moment it was asked for; or why that could not be known.
    pub found: Result<(Timestamp, Timestamp), String>,
    pub status: FreshnessStatus,
    pub criteria: Criteria,
    pub duration_ms: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum FreshnessStatus {
    #[serde(rename = "pass")]
    Pass,
    #[serde(rename = "warn")]
    Warn,
    #[serde(rename = "error")]
    Error,
    /// It could not be found out.
    #[serde(rename = "runtime error")]
    Broken,
}

#[derive(Debug, Clone, Default, Serialize)]
pub struct Criteria {
    pub warn_after: Option<Tolerance>,
    pub error_after: Option<Tolerance>,
    pub filter: Option<String>,
}

#[derive(Debug, Clone, Copy, Serialize)]
pub struct Tolerance {
    pub count: i64,
    pub period: Period,
}

#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Period {
    Minute,
    Hour,
    Day,
}

#[derive(Serialize)]
struct Document<'a> {
    metadata: Metadata<'a>,
    results: Vec<Entry>,
    elapsed_time: f64,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Entry {
    Known {
        unique_id: String,
        max_loaded_at: String,
        snapshotted_at: String,
        max_loaded_at_time_ago_in_s: f64,
        status: FreshnessStatus,
        criteria: Criteria,
        adapter_response: serde_json::Map<String, serde_json::Value>,
        timing: [(); 0],
        thread_id: &'static str,
        execution_time: f64,
    },
    Broken {
        unique_id: String,
        error: String,
        status: FreshnessStatus,
    },
}

/// The document, to be written by [`super::Folder::write`].
pub fn sources(
    found: Vec<Freshness>,
    elapsed: std::time::Duration,
    invocation: &Invocation,
) -> impl Serialize + '_ {
    Document {
        metadata: invocation.metadata("sources/v3"),
        results: found.into_iter().map(entry).collect(),
        elapsed_time: elapsed.as_secs_f64(),
    }
}

fn entry(freshness: Freshness) -> Entry {
    let unique_id = freshness.unique_id;
    match freshness.found {
        Ok((newest, asked)) => Entry::Known {
            unique_id,
            max_loaded_at: time(newest),
            snapshotted_at: time(asked),
            max_loaded_at_time_ago_in_s: asked.duration_since(newest).as_secs_f64(),
            status: freshness.status,
            criteria: freshness.criteria,
            adapter_response: serde_json::Map::new(),
            timing: [],
            thread_id: "elt",
            execution_time: freshness.duration_ms as f64 / 1000.0,
        },
        Err(error) => Entry::Broken { unique_id, error, status: FreshnessStatus::Broken },
    }
}
