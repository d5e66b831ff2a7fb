//! What makes a published relation the one it is, and the fingerprint of that.

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::manifest::{Answered, Body, Hook, Hooks, Manifest, Node, NodeId, Test, UnitTest, hash};
use crate::name::Relation;
use crate::project::{ColumnProperties, Constraint, Layer, Target};

/// Raised when elt comes to build the same definition otherwise: then everything is built once more.
const FORMAT: u32 = 1;

/// Words of a config that change nothing about a relation or the rows of a test.
const IDLE_WORDS: &[&str] = &[
    "tags",
    "meta",
    "report",
    "enabled",
    "severity",
    "docs",
    "group",
    "access",
    "distribute",
    "event_time",
    "freshness",
    "loaded_at_field",
    "loaded_at_query",
];

#[derive(Debug, Clone, Serialize)]
pub(super) struct Definition {
    format: u32,
    kind: &'static str,
    relation: String,
    sql: String,
    /// Of what asks the database, where the SQL is not all that it may come to.
    #[serde(skip_serializing_if = "Option::is_none")]
    asks: Option<String>,
    /// As added to, where that differs.
    incremental_sql: Option<String>,
    /// Of a rules file.
    text: Option<String>,
    words: Map<String, Value>,
    description: String,
    columns: Vec<Value>,
    /// Who is given the relation to read.
    reader: Option<String>,
    /// How it is served, and the domain that it is listed under.
    endpoint: Option<Value>,
    constraints: Vec<Value>,
    hooks: Vec<Value>,
}

impl Definition {
    /// Of a node that is built. Every field of [`Node`] is named here, so that a new one cannot be forgotten.
    pub fn of(manifest: &Manifest, target: &Target, id: NodeId) -> Self {
        let Node {
            name: _,
            schema: _,
            is_beside: _,
            layer,
            domain,
            file: _,
            materialization,
            config: _,
            words,
            yaml_words: _,
            description,
            described_in: _,
            columns,
            body,
            parents: _,
            endpoint,
            constraints,
            // What they point to is an input, which has its own version.
            foreign_keys: _,
            hooks,
            version: _,
            deprecation_date: _,
        } = manifest.node(id);
        let published = |target: NodeId| manifest.published(target);
        let (mut incremental_sql, mut text) = (None, None);
        match body {
            Body::Model { incremental: Some(_), .. } => {
                incremental_sql = Some(manifest.query(id, true, &published).text);
            }
            Body::Rule(rule) => {
                let types =
                    rule.columns.iter().map(|column| format!("{} {}\n", column.name, column.data_type));
                text = Some(types.collect::<String>() + &rule.file.text);
            }
            Body::Model { .. } | Body::Source { .. } => {}
        }
        Self {
            format: FORMAT,
            kind: materialization.name(),
            relation: manifest.published(id).to_string(),
            sql: manifest.query(id, false, &published).text,
            asks: manifest.asking_identity(id),
            incremental_sql,
            text,
            words: busy_words(words),
            description: description.clone(),
            columns: columns.iter().map(column).collect(),
            endpoint: endpoint.as_ref().map(|(endpoint, _)| json!([domain, endpoint])),
            constraints: constraints.iter().map(constraint).collect(),
            hooks: both(hooks)
                .map(|(when, hook)| json!([when, hook.transaction, hook_text(manifest, hook)]))
                .collect(),
            reader: (*layer == Layer::Prod).then(|| target.reader_role.as_str().to_owned()),
        }
    }

    pub fn fingerprint(&self) -> String {
        hash(&self.text())
    }

    fn text(&self) -> String {
        serde_json::to_string(self).expect("text, numbers and JSON values make JSON")
    }
}

/// A definition as JSON. It may hold secrets.
pub(in crate::run) fn text(manifest: &Manifest, target: &Target, id: NodeId) -> String {
    Definition::of(manifest, target, id).text()
}

fn column(column: &ColumnProperties) -> Value {
    let ColumnProperties { name, description, data_type, constraints, meta: _, tags: _, place: _ } = column;
    let constraints: Vec<Value> = constraints.iter().map(constraint).collect();
    json!([name, description, data_type, constraints])
}

fn constraint(constraint: &Constraint) -> Value {
    let Constraint {
        kind,
        name,
        expression,
        columns,
        to,
        to_columns,
        warn_unenforced: _,
        warn_unsupported: _,
        description: _,
    } = constraint;
    json!([format!("{kind:?}"), name, expression, columns, to, to_columns])
}

/// Of one that asks, what tells it from others.
fn hook_text(manifest: &Manifest, hook: &Hook) -> String {
    match &hook.text.rendered.asking {
        Some(asking) => hash(&asking.identity()),
        None => manifest.hook_sql(hook, &|target| manifest.published(target)).text,
    }
}

/// Those before and those after, told apart.
fn both(hooks: &Hooks) -> impl Iterator<Item = (&'static str, &Hook)> {
    let before = hooks.before.iter().map(|hook| ("before", hook));
    before.chain(hooks.after.iter().map(|hook| ("after", hook)))
}

fn busy_words(words: &Map<String, Value>) -> Map<String, Value> {
    let busy = words.iter().filter(|(word, _)| !IDLE_WORDS.contains(&word.as_str()));
    let mut busy: Vec<(String, Value)> = busy.map(|(word, value)| (word.clone(), value.clone())).collect();
    busy.sort_by(|one, other| one.0.cmp(&other.0));
    busy.into_iter().collect()
}

/// What a test asks of the published relations.
pub(super) fn of_test(manifest: &Manifest, test: &Test) -> String {
    let query = manifest.test_query(test, &|target: NodeId| -> Relation { manifest.published(target) });
    let words = Value::Object(busy_words(&test.words));
    format!("{FORMAT}\n{}\n{}\n{words}\n{}", test.name, test.judged.warns_only, query.text)
}

/// What a unit test asks, its inputs apart.
pub(super) fn of_unit_test(manifest: &Manifest, test: &UnitTest) -> String {
    let query = manifest.unit_query(
        test,
        &|target: NodeId| -> Relation { manifest.published(target) },
        &Answered::default(),
    );
    format!("{FORMAT}\nunit test {}\n{}\n{}", test.written.name, test.written.checksum(), query.text)
}
