//! What prod tells of itself, and what the server knows of its relations, from one statement.

use deadpool_postgres::Object;
use serde::Deserialize;
use tokio_postgres::types::Type;

use super::rows::{RowsError, classify};
use crate::database::DatabaseError;
use crate::database::catalog::{OVERVIEW, TESTS};
use crate::name::{Ident, Relation};
use crate::overview::{OverviewNode, OverviewTest, shown};

#[derive(Debug, Clone, Deserialize)]
pub struct Overview {
    pub nodes: Vec<OverviewNode>,
    pub tests: Vec<OverviewTest>,
    /// All that stands in the schemas, also what elt did not make.
    pub stored: Vec<Stored>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Stored {
    pub name: String,
    /// Where it is not in prod's own schema.
    pub schema: Option<String>,
    /// About how many, by the statistics; `None` of a view.
    pub rows: Option<i64>,
    pub columns: Vec<StoredColumn>,
}

impl Stored {
    /// What pages call it.
    pub fn shown(&self) -> String {
        shown(self.schema.as_deref(), &self.name)
    }
}

#[derive(Debug, Clone, Deserialize)]
pub struct StoredColumn {
    pub name: String,
    /// As `format_type` writes it.
    pub data_type: String,
}

/// `None`: no run has written it yet.
pub(super) async fn read(client: Object, schema: &Ident) -> Result<Option<Overview>, RowsError> {
    let [nodes, tests] = [OVERVIEW, TESTS]
        .map(|name| Relation::new(schema.clone(), Ident::new(name).expect("a constant name is good")));
    let sql = format!(
        "select json_build_object( \
           'nodes', coalesce((select json_agg(about order by name) from {nodes}), '[]'), \
           'tests', coalesce((select json_agg(about order by name) from {tests}), '[]'), \
           'stored', coalesce((select json_agg(json_build_object('name', c.relname, 'schema', nullif(n.nspname, $1), \
             'rows', case when c.relkind <> 'v' and c.reltuples >= 0 then c.reltuples::bigint end, \
             'columns', coalesce((select json_agg(json_build_object('name', a.attname, \
                 'data_type', format_type(a.atttypid, a.atttypmod)) order by a.attnum) \
               from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped), '[]'))) \
             from pg_class c join pg_namespace n on n.oid = c.relnamespace \
             where (n.nspname = $1 or n.nspname in (select about ->> 'schema' from {nodes})) \
               and c.relkind in ('r', 'v', 'm', 'p', 'f')), '[]'))::text"
    );
    let row = match client.query_typed(&sql, &[(&schema.as_str(), Type::TEXT)]).await {
        Ok(rows) => rows.into_iter().next(),
        Err(error) => match classify(error) {
            RowsError::Broken(error) if error.is("42P01") || error.is("3F000") => return Ok(None),
            error => return Err(error),
        },
    };
    let Some(row) = row else { return Ok(None) };
    let json: String = row.try_get(0).map_err(classify)?;
    let read = serde_json::from_str(&json);
    read.map(Some).map_err(|error| {
        RowsError::Broken(DatabaseError::new(format!("{nodes} holds what this elt does not know: {error}")))
    })
}
