//! Which columns and types a loaded table has: the model's body says it, or the YAML beside it, or the file
//! itself, as text or, where asked, by its values. What was inferred is written beside the model, and from
//! then on it holds.

use std::sync::Arc;

use indexmap::IndexSet;

use super::super::failure::located;
use super::super::task::Problem;
use super::{Loading, table};
use crate::database::loads::LoadState;
use crate::diagnostic::Diagnostic;
use crate::manifest::Sql;
use crate::name::Ident;
use crate::source::{
    self, ChangedColumns, Fetched, Inference, Location, Piece, ReadOptions, Rows, SourceError, Target,
};

/// How a table was made.
pub(super) struct Made {
    /// What is to be told of it.
    pub said: Option<String>,
    /// What decided on its columns: what [`decided`] says the next time.
    pub columns: String,
}

/// What decides on the columns without a look at the source; nothing where its values do.
pub(super) fn decided(loading: &Loading<'_>, known: Option<&LoadState>) -> Result<Option<String>, Problem> {
    Ok(if let Some(body) = table::declared(loading) {
        Some(body.text)
    } else if let Some(columns) = in_yaml(loading) {
        Some(definitions(loading, &columns)?.text)
    } else {
        (known.is_some() || !loading.node.config.infer).then(String::new)
    })
}

/// Makes the table. Rows that are added to others come as those are, where the model does not say how.
pub(super) async fn create_table(
    loading: &Loading<'_>,
    location: &Location,
    (first, pieces): (&Arc<Fetched>, &[Piece]),
    options: &ReadOptions,
    known: Option<&LoadState>,
) -> Result<Made, Problem> {
    let mut made = Made { said: None, columns: decided(loading, known)?.unwrap_or_default() };
    if let Some(body) = table::declared(loading) {
        table::make(loading, location, body).await?;
    } else if let Some(columns) = in_yaml(loading) {
        table::make(loading, location, definitions(loading, &columns)?).await?;
    } else if known.is_some() {
        table::make_as_published(loading, location).await?;
    } else if loading.node.config.infer {
        made = make_inferred(loading, location, pieces, options).await?;
    } else {
        let names = named(loading, first, pieces, options).await?;
        let columns: Vec<_> = names.into_iter().map(|name| (name, "text".to_owned())).collect();
        check_some(loading, location, &columns)?;
        table::make(loading, location, definitions(loading, &columns)?).await?;
    }
    if known.is_some() && options.changed_columns == ChangedColumns::Add {
        table::add_published_columns(loading).await?;
    }
    Ok(made)
}

async fn make_inferred(
    loading: &Loading<'_>,
    location: &Location,
    pieces: &[Piece],
    options: &ReadOptions,
) -> Result<Made, Problem> {
    let columns = infer(loading, pieces, options).await?;
    check_some(loading, location, &columns)?;
    let sql = definitions(loading, &columns)?;
    let text = sql.text.clone();
    table::make(loading, location, sql).await?;
    let listed: Vec<String> = columns.iter().map(|(name, kind)| format!("{name} {kind}")).collect();
    let told = format!("{}: inferred {}", loading.node.label(), listed.join(", "));
    let said = match pin(loading, &columns) {
        Ok(path) => format!("{told}; pinned in {path}, which is to be committed"),
        Err(error) => format!("{told}; they could not be pinned: {error}"),
    };
    Ok(Made { said: Some(said), columns: text })
}

/// The names of the first file that has some. Where rows may lack columns, those of all files.
async fn named(
    loading: &Loading<'_>,
    first: &Arc<Fetched>,
    pieces: &[Piece],
    options: &ReadOptions,
) -> Result<Vec<String>, Problem> {
    let mut names: IndexSet<String> = IndexSet::new();
    for (index, piece) in pieces.iter().enumerate() {
        let fetched = match index {
            0 => first.clone(),
            _ => loading.fetched(piece, &()).await?,
        };
        let options = options.clone();
        let found = loading.reading(move || source::columns(&fetched, &options)).await?;
        names.extend(found.names);
        if !found.sparse {
            break;
        }
    }
    Ok(names.into_iter().collect())
}

/// A table without columns is none that anybody wants.
fn check_some(
    loading: &Loading<'_>,
    location: &Location,
    columns: &[(String, String)],
) -> Result<(), Problem> {
    if !columns.is_empty() {
        return Ok(());
    }
    let error = SourceError::new(format!(
        "{location} is empty, or its records have no keys: nothing says what columns there are"
    ));
    Err(loading
        .wrong(&error.with_hint("was the export cut short? if not, declare the columns in the model's body")))
}

/// Columns of the YAML, where each has its type.
fn in_yaml(loading: &Loading<'_>) -> Option<Vec<(String, String)>> {
    let columns = &loading.node.columns;
    let typed = columns.iter().map(|column| Some((column.name.clone(), column.data_type.clone()?)));
    typed.collect::<Option<Vec<_>>>().filter(|columns| !columns.is_empty())
}

fn definitions(loading: &Loading<'_>, columns: &[(String, String)]) -> Result<Sql, Problem> {
    let mut parts = Vec::new();
    for (name, kind) in columns {
        let name = Ident::new(name)
            .map_err(|error| Diagnostic::error("bad-name", error.to_string()).at(loading.place.clone()))?;
        parts.push(format!("{name} {kind}"));
    }
    let mut sql = Sql::default();
    sql.push(&parts.join(",\n"));
    Ok(sql)
}

/// Reads every row of every piece.
async fn infer(
    loading: &Loading<'_>,
    pieces: &[Piece],
    options: &ReadOptions,
) -> Result<Vec<(String, String)>, Problem> {
    let mut inference = Inference::default();
    for piece in pieces {
        let fetched = loading.fetched(piece, &loading.watcher()).await?;
        let options = options.clone();
        let reading = move || inference.read(&fetched, &options).map(|()| inference);
        inference = loading.reading(reading).await?;
    }
    Ok(inference.columns())
}

/// Where the types of a model are pinned: beside it.
fn pinned_path(loading: &Loading<'_>) -> String {
    let path = &loading.node.file.path;
    format!("{}.columns.yml", path.strip_suffix(".sql").unwrap_or(path))
}

/// The file in which the model's types are pinned, where there is one.
pub(super) fn pinned(loading: &Loading<'_>) -> Option<String> {
    let path = pinned_path(loading);
    loading.shared.place.root.join(&path).exists().then_some(path)
}

fn pin(loading: &Loading<'_>, columns: &[(String, String)]) -> std::io::Result<String> {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let mut text = format!(
        "# The columns of `{name}`, inferred from its source by elt. Commit this file: it holds from now on.\n\
         # Types may be changed by hand. Without the file they are inferred anew.\n\
         models:\n  - name: {name}\n    columns:\n",
        name = loading.node.name.as_str()
    );
    for (name, kind) in columns {
        text.push_str(&format!("      - {{name: {}, data_type: {}}}\n", quoted(name), quoted(kind)));
    }
    let path = pinned_path(loading);
    // Whole or not at all: a half-written file would be read by the next run.
    let whole = loading.shared.place.root.join(&path);
    let beside = whole.with_extension(format!("yml.{}", std::process::id()));
    std::fs::write(&beside, text)?;
    std::fs::rename(&beside, &whole)?;
    Ok(path)
}

/// Gives the table the columns that only the file has, where the model wants that.
pub(super) async fn add_columns(
    loading: &Loading<'_>,
    fetched: &Arc<Fetched>,
    options: &ReadOptions,
    targets: &[Target],
) -> Result<Option<String>, Problem> {
    if loading.options.changed_columns != ChangedColumns::Add || !loading.options.header {
        return Ok(None);
    }
    let (reading, options) = (fetched.clone(), options.clone());
    let names = loading.reading(move || source::columns(&reading, &options)).await?.names;
    let new = source::new_columns(&names, targets);
    if new.is_empty() {
        return Ok(None);
    }
    let mut added = Vec::new();
    for name in &new {
        let name = Ident::new(name.clone())
            .map_err(|error| Diagnostic::error("bad-name", error.to_string()).at(loading.place.clone()))?;
        added.push(format!("add column {name} text"));
    }
    let sql = format!("alter table {} {}", loading.relation, added.join(", "));
    loading.session.run(&sql).await.map_err(|error| located(&error, loading.place.clone()))?;
    let listed = new.join(", ");
    Ok(Some(format!(
        "{}: columns that only {} has were added as text: {listed}",
        loading.node.label(),
        fetched.location
    )))
}

/// What is said of columns that found no partner, where that is no error.
pub(super) fn unpaired(loading: &Loading<'_>, rows: &Rows, file: &str) -> Vec<String> {
    let (unknown, missing) = rows.unpaired();
    let label = loading.node.label();
    let mut said = Vec::new();
    if !unknown.is_empty() {
        said.push(format!("{label}: columns that only {file} has were passed over: {}", unknown.join(", ")));
    }
    if !missing.is_empty() && !rows.is_sparse() {
        said.push(format!("{label}: columns that {file} lacks are NULL: {}", missing.join(", ")));
    }
    said
}
