//! What a raw model's config may say of where its rows come from: login, JSON API, incremental loads.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::NameOrNumber;
use crate::secret::Secret;

/// How elt shows who it is. The values come by `env_var` and are never shown.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Auth {
    /// `Authorization: Bearer …`
    pub bearer: Option<Secret>,
    pub basic: Option<Basic>,
    pub headers: BTreeMap<String, Secret>,
    /// Of an object store; without it the standard `AWS_…` variables are read.
    pub access_key_id: Option<Secret>,
    pub secret_access_key: Option<Secret>,
    pub session_token: Option<Secret>,
}

impl Auth {
    pub fn is_given(&self) -> bool {
        self.bearer.is_some()
            || self.basic.is_some()
            || !self.headers.is_empty()
            || self.access_key_id.is_some()
            || self.secret_access_key.is_some()
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Basic {
    pub user: String,
    pub password: Secret,
}

/// A JSON API: what is asked, and where the records are in its answers.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Api {
    pub method: Method,
    /// The way to the list of records in an answer: `data.items`. Nothing: the answer is the list.
    pub records: String,
    /// Added to the address of every request.
    pub parameters: Map<String, Value>,
    /// Sent with every request, by POST.
    pub body: Map<String, Value>,
    pub paging: Option<Paging>,
    pub keys: Option<Keys>,
    pub requests_per_second: Option<f64>,
    /// Batches of keys that are asked for at once.
    pub concurrency: Option<usize>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    #[default]
    Get,
    Post,
}

/// How one answer leads to the next.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "lowercase", deny_unknown_fields)]
pub enum Paging {
    /// A counter; ends with an answer without records.
    Page {
        #[serde(default = "page")]
        parameter: String,
        #[serde(default = "one")]
        first: u64,
        /// The way to the number of pages in an answer: `meta.pages`.
        #[serde(default)]
        pages: Option<String>,
        /// The way to the number of records.
        #[serde(default)]
        total: Option<String>,
        /// The way to whether there are more.
        #[serde(default)]
        more: Option<String>,
    },
    /// The number of records so far; ends with an answer without records.
    Offset {
        #[serde(default = "offset")]
        parameter: String,
        #[serde(default)]
        total: Option<String>,
        #[serde(default)]
        more: Option<String>,
    },
    /// A word out of the answer, at `next`; ends when there is none.
    Cursor {
        #[serde(default = "cursor")]
        parameter: String,
        next: String,
        #[serde(default)]
        more: Option<String>,
    },
    /// A whole address: of the `Link` header's `rel="next"`, or in the answer at `next`.
    Link {
        #[serde(default)]
        next: Option<String>,
    },
}

fn page() -> String {
    "page".to_owned()
}

fn one() -> u64 {
    1
}

fn offset() -> String {
    "offset".to_owned()
}

fn cursor() -> String {
    "cursor".to_owned()
}

/// Values of another raw model's column that are asked for in batches.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    /// The raw model's name.
    pub from: String,
    pub column: String,
    /// Keys in one request: 100, or 1 where each has an address of its own.
    #[serde(default)]
    pub batch: Option<usize>,
    /// The field of the body, the parameter of the address, or a `{part}` of its path that takes them.
    pub into: String,
    /// The field by which each record tells the key that brought it.
    #[serde(default, rename = "as")]
    pub added: Option<String>,
}

impl Keys {
    /// Whether the address has a place for the key.
    pub fn is_in_path(&self, source: &str) -> bool {
        source.split(['?', '#']).next().is_some_and(|path| path.contains(&format!("{{{}}}", self.into)))
    }

    /// How many keys one request asks for.
    pub fn in_one(&self, source: &str) -> usize {
        self.batch.unwrap_or(if self.is_in_path(source) || self.added.is_some() { 1 } else { 100 })
    }
}

/// What a load adds to a table that is there already, instead of making it anew.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged, expecting = "'file', or {'cursor': 'a_column'} with `parameter` and `first` where needed")]
pub enum Incremental {
    By(Whole),
    Cursor(Cursor),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Whole {
    /// Files that are new or have changed.
    File,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cursor {
    /// A column that grows: a time of change, a number.
    pub cursor: String,
    /// The parameter by which a JSON API is told from where to go on.
    #[serde(default)]
    pub parameter: Option<String>,
    /// What it is told the first time.
    #[serde(default)]
    pub first: Option<String>,
    /// How far before the greatest value so far is read again, for rows that come late: an interval of a time, a
    /// number of a number.
    #[serde(default)]
    pub lag: Option<NameOrNumber>,
}
