//! The first rows of a table of prod, as far as they may be shown: never a column that its endpoint hides, nor a
//! row that it gives only to who asks for it.

use super::is_of;
use crate::database::catalog::PUBLICATION;
use crate::database::{Condition, RowFormat, RowQuery, RowsError, Stored};
use crate::name::{Ident, Relation};
use crate::service::Preview;
use crate::service::exposed::{unasked, visible};
use crate::service::pages::text::{is_number, short};
use crate::service::routes::Call;

const ROWS: u64 = 20;

/// Letters of a field that are shown.
const LETTERS: usize = 200;

/// Columns that are shown: wider rows are no first look.
const COLUMNS: usize = 100;

pub struct Shown {
    /// Name, and whether it holds numbers.
    pub columns: Vec<(String, bool)>,
    pub rows: Vec<Vec<Option<String>>>,
    /// How many more columns there are.
    pub more_columns: usize,
}

/// The error says why there is nothing to see.
pub async fn of(call: &Call, stored: &Stored) -> Result<Shown, &'static str> {
    let snapshot = call.state.snapshot.load_full();
    let mut published = snapshot.iter().flat_map(|snapshot| &snapshot.endpoints);
    let exposed = published.find(|one| is_of(one, stored));
    let mut columns: Vec<(String, bool)> = match (call.state.preview, exposed) {
        (Preview::Nothing, _) => return Err("This service shows no rows here (`preview: false`)."),
        (Preview::Exposed, None) => {
            return Err("This table is not exposed; only rows of exposed ones are shown here.");
        }
        (_, Some(published)) => {
            let visible = visible(published).into_iter();
            visible.map(|column| (column.name.clone(), is_number(&column.data_type))).collect()
        }
        (Preview::All, None) => {
            let all = stored.columns.iter();
            all.map(|column| (column.name.clone(), is_number(&column.data_type))).collect()
        }
    };
    if columns.is_empty() {
        return Err("It has no columns.");
    }
    let more_columns = columns.len().saturating_sub(COLUMNS);
    columns.truncate(COLUMNS);
    let Some(conditions) = exposed.map_or_else(|| Some(Vec::new()), unasked) else {
        return Err("Its rows are given to who asks for them by its parameters.");
    };
    let rows = match query(call, stored, &columns, conditions) {
        Some(query) => read(call, &query).await,
        None => return Err("It has a name that cannot be asked for."),
    };
    let rows = rows.map_err(|error| {
        tracing::warn!(%error, table = stored.name, "the first rows cannot be shown");
        "Its rows cannot be read at the moment."
    })?;
    Ok(Shown { columns, rows, more_columns })
}

fn query(
    call: &Call,
    stored: &Stored,
    columns: &[(String, bool)],
    conditions: Vec<Condition>,
) -> Option<RowQuery> {
    let schema = &call.state.schema;
    Some(RowQuery {
        relation: Relation::kept(stored.schema.as_deref(), schema, &stored.name).ok()?,
        publication: Relation::new(schema.clone(), Ident::new(PUBLICATION).ok()?),
        // One letter more tells that there are more.
        format: RowFormat::Beginnings(LETTERS + 1),
        columns: columns.iter().map(|(name, _)| Ident::new(name).ok()).collect::<Option<_>>()?,
        conditions,
        order: Vec::new(),
        after: None,
        limit: ROWS,
    })
}

async fn read(call: &Call, query: &RowQuery) -> Result<Vec<Vec<Option<String>>>, RowsError> {
    let mut rows = call.state.reader.rows(query).await?;
    let mut read = Vec::new();
    while let Some(row) = rows.next().await? {
        read.push(row.fields.into_iter().map(|field| field.map(|field| short(&field, LETTERS))).collect());
    }
    Ok(read)
}
