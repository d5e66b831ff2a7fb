//! What prod tells of itself: which nodes there are, what each is made from, how its tests ended. Written into
//! prod in the publishing transaction, read back by the service. Pure; knows neither models nor HTTP.

use serde::{Deserialize, Serialize};

/// A node of the project as it was published. Of other layers than prod no more than that it is there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OverviewNode {
    /// `prod.orders`
    pub node: String,
    pub kind: String,
    /// The relation's bare name where it is of prod.
    pub relation: Option<String>,
    /// Where it is not in prod's own schema.
    #[serde(default)]
    pub schema: Option<String>,
    pub domain: String,
    pub description: String,
    /// Descriptions by column; columns without one are left out.
    pub columns: Vec<(String, String)>,
    /// Labels of nodes.
    pub parents: Vec<String>,
}

impl OverviewNode {
    /// What pages call its relation.
    pub fn shown(&self) -> Option<String> {
        Some(shown(self.schema.as_deref(), self.relation.as_deref()?))
    }
}

/// A relation of prod: by its name alone where it is in prod's own schema.
pub fn shown(schema: Option<&str>, name: &str) -> String {
    schema.map_or_else(|| name.to_owned(), |schema| format!("{schema}.{name}"))
}

/// How a test of a prod node ended when it was last run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OverviewTest {
    pub name: String,
    pub node: String,
    pub kind: String,
    pub column: Option<String>,
    pub status: String,
    /// Rows that it found wrong.
    pub wrong: Option<i64>,
    pub run_id: i64,
}
