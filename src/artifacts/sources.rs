//! `sources.json`: how fresh the sources are, in dbt's version 3.

use jiff::Timestamp;
use serde::Serialize;

use super::{Invocation, Metadata, time};
use crate::project::{FreshnessLimits, FreshnessStatus};
use crate::secret::Secrets;

/// What dbt writes as the newest time where there is no row: the first day of year 1.
const NO_ROW: Timestamp = Timestamp::constant(-62_135_596_800, 0);

/// What was found of one source.
pub struct Freshness {
    /// `source.<project>.<source>.<table>`
    pub unique_id: String,
    /// Newest row, if any, and the moment it was asked for; or why that could not be known.
    pub found: Result<(Option<Timestamp>, Timestamp), String>,
    pub status: FreshnessStatus,
    pub criteria: FreshnessLimits,
    pub duration_ms: i64,
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
        criteria: FreshnessLimits,
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
pub fn sources<'a>(
    found: Vec<Freshness>,
    elapsed: std::time::Duration,
    invocation: &'a Invocation,
    secrets: &Secrets,
) -> impl Serialize + 'a {
    Document {
        metadata: invocation.metadata("sources/v3"),
        results: found.into_iter().map(|one| entry(one, secrets)).collect(),
        elapsed_time: elapsed.as_secs_f64(),
    }
}

fn entry(freshness: Freshness, secrets: &Secrets) -> Entry {
    let mut criteria = freshness.criteria;
    criteria.filter = criteria.filter.map(|filter| secrets.hide(&filter));
    let unique_id = freshness.unique_id;
    match freshness.found {
        Ok((newest, asked)) => {
            let newest = newest.unwrap_or(NO_ROW);
            Entry::Known {
                unique_id,
                max_loaded_at: time(newest),
                snapshotted_at: time(asked),
                max_loaded_at_time_ago_in_s: asked.duration_since(newest).as_secs_f64(),
                status: freshness.status,
                criteria,
                adapter_response: serde_json::Map::new(),
                timing: [],
                thread_id: "elt",
                execution_time: freshness.duration_ms as f64 / 1000.0,
            }
        }
        Err(error) => {
            Entry::Broken { unique_id, error: secrets.hide(&error), status: FreshnessStatus::Broken }
        }
    }
}
