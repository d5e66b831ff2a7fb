//! Hooks as a config writes them: a statement, one with its transaction, or a list of these.

use serde::{Deserialize, Deserializer, Serialize};

/// A statement before or after a relation is built, not rendered yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenHook {
    pub sql: String,
    /// In the transaction that builds the relation.
    #[serde(default = "yes")]
    pub transaction: bool,
}

fn yes() -> bool {
    true
}

pub(super) fn hooks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<WrittenHook>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum One {
        Plain(String),
        Whole(WrittenHook),
    }
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a statement, {'sql': …, 'transaction': false}, or a list of these")]
    enum Written {
        One(One),
        Many(Vec<One>),
        None,
    }
    let hook = |one| match one {
        One::Plain(sql) => WrittenHook { sql, transaction: true },
        One::Whole(hook) => hook,
    };
    Ok(match Written::deserialize(deserializer)? {
        Written::One(one) => vec![hook(one)],
        Written::Many(many) => many.into_iter().map(hook).collect(),
        Written::None => Vec::new(),
    })
}
