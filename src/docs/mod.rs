//! The site of `elt docs`: one HTML file that opens from disk, with everything inside it. Pure: facts go in, a
//! text comes out.

mod content;
mod markdown;

use std::collections::HashMap;

use serde_json::Value;

use crate::database::Described;
use crate::lineage::Lineage;
use crate::manifest::{Manifest, NodeId};
use crate::pipeline::LastRecord;

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("style.css");
/// In this order they make one script.
const SCRIPTS: [&str; 5] = [
    include_str!("lineage.js"),
    include_str!("highlight.js"),
    include_str!("graph.js"),
    include_str!("page.js"),
    include_str!("main.js"),
];

/// What there is to show.
pub struct Facts<'a> {
    pub manifest: &'a Manifest,
    pub lineage: &'a Lineage,
    /// What stands in the database; empty without one.
    pub described: &'a HashMap<NodeId, Described>,
    /// How each node and test ended last, by the names that the history knows.
    pub last: &'a HashMap<String, LastRecord>,
    pub target: &'a str,
    /// What the docs block `__overview__` says of the whole.
    pub overview: Option<&'a str>,
    /// When it was written, for people.
    pub written_at: &'a str,
    /// Whether a database was asked.
    pub online: bool,
}

/// The whole page. `hide` takes secrets out.
pub fn site(facts: &Facts<'_>, hide: impl Fn(&str) -> String) -> serde_json::Result<String> {
    let mut content = content::content(facts);
    without_secrets(&mut content, &hide);
    let content = serde_json::to_string(&content)?;
    // Inside a script element only `<` can end it.
    let content = content.replace('<', "\\u003c");
    let title = escaped(&hide(&facts.manifest.project));
    // The data last: nothing in it is taken for a mark of the page.
    Ok(PAGE
        .replace("{{title}}", &title)
        .replace("{{style}}", STYLE)
        .replace("{{script}}", &SCRIPTS.join("\n"))
        .replace("{{content}}", &content))
}

/// Before quotes are escaped: a secret may hold some.
fn without_secrets(value: &mut Value, hide: &impl Fn(&str) -> String) {
    match value {
        Value::String(text) => *text = hide(text),
        Value::Array(values) => values.iter_mut().for_each(|value| without_secrets(value, hide)),
        Value::Object(fields) => fields.values_mut().for_each(|value| without_secrets(value, hide)),
        _ => {}
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}
