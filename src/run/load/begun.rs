//! A load that failed, was stopped or died on its way is gone on from: its half-filled table is taken over by the
//! next load of the same model, if that would fill the same table from the same source. Single files are not
//! worth it.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};

use super::super::failure::located;
use super::super::task::Problem;
use super::super::transaction::all_or_nothing;
use super::{Loading, cursor, table, types};
use crate::database::DatabaseError;
use crate::database::begun::{self, BegunFile};
use crate::database::loads::LoadState;
use crate::project::Layer;
use crate::source::{self, Location, Piece};

/// Whether what this load brings can outlive it. What a hook does around it is not known again, and an unlogged
/// table may be empty after the server has died.
fn lasts(loading: &Loading<'_>) -> bool {
    loading.node.hooks.is_empty() && !loading.node.config.unlogged
}

/// Whether each of the pieces is committed by itself: those that are there can be told from those that are not.
pub(super) fn goes_by_piece(loading: &Loading<'_>, pieces: &[Piece]) -> bool {
    lasts(loading) && pieces.len() > 1 && pieces.iter().all(|piece| piece.version.is_some())
}

/// Whether rows of another database are committed page by page, in the order of the cursor.
pub(super) fn goes_by_cursor(loading: &Loading<'_>) -> bool {
    lasts(loading) && cursor::cursor(loading).is_some()
}

/// A hash of all that decides on the table and its rows, but for what the source holds. `columns` are those that
/// the table is made with.
pub(super) fn identity(loading: &Loading<'_>, columns: &str, known: Option<&LoadState>) -> String {
    let words: BTreeMap<&String, &Value> = loading.node.words.iter().collect();
    let identity = json!([
        env!("CARGO_PKG_VERSION"),
        loading.shared.place.root,
        words,
        columns,
        known.map(|known| &known.from),
    ]);
    source::sha256(identity.to_string().as_bytes())
}

/// Writes down that the table stands and is being filled.
pub(super) async fn begin(loading: &Loading<'_>, identity: Option<&str>) -> Result<(), Problem> {
    let label = loading.node.label();
    let of_run = (loading.shared.run, label.as_str());
    let done = begun::begin(loading.session, prod(loading), of_run, &loading.relation, identity).await;
    done.map_err(|error| wrong(loading, &error))
}

/// All has come. If something fails from here on, it may be the rows that have to be mended: then they are asked
/// for anew.
pub(super) async fn ended(loading: &Loading<'_>) -> Result<(), Problem> {
    let done = begun::forget_node(loading.session, prod(loading), &loading.node.label()).await;
    done.map_err(|error| wrong(loading, &error))
}

/// What another load left.
pub(super) enum Left {
    /// No load died, or this one is to begin again.
    Nothing,
    /// Nothing that this load can go on from; what is to be told.
    Useless(String),
    /// The half-filled table is this load's now.
    Table { run: i64 },
}

impl Left {
    /// What is to be told where this load begins again.
    pub fn said(self) -> Option<String> {
        match self {
            Self::Useless(said) => Some(said),
            Self::Nothing | Self::Table { .. } => None,
        }
    }
}

/// Takes over the table that another load left, where `identity` says that it is the same.
pub(super) async fn take_over(
    loading: &Loading<'_>,
    location: &Location,
    identity: Option<&str>,
) -> Result<Left, Problem> {
    let label = loading.node.label();
    let shared = loading.shared;
    if shared.plan.full_refresh && !shared.retries {
        return Ok(Left::Nothing);
    }
    let found = begun::find(loading.session, prod(loading), &label).await;
    let Some(found) = found.map_err(|error| wrong(loading, &error))? else { return Ok(Left::Nothing) };
    let why = match (&found.identity, identity) {
        (Some(before), Some(now)) if before == now => None,
        (Some(_), _) => Some("the model or what it asks for is another one now"),
        (None, _) => Some("rows without a cursor have no order to go on in"),
    };
    if let Some(why) = why {
        return Ok(Left::Useless(begins_again(loading, found.run, why)));
    }
    if let Err(error) = begun::take(loading.session, (&found, &label), &loading.relation, shared.run).await {
        tracing::debug!(%error, "what a load left cannot be taken over");
        return Ok(Left::Useless(begins_again(loading, found.run, "what it left is not there any more")));
    }
    table::go_on(loading, location).await?;
    Ok(Left::Table { run: found.run })
}

fn begins_again(loading: &Loading<'_>, run: i64, why: &str) -> String {
    format!(
        "{}: the load of run {run} did not come to its end and is begun again: {why}",
        loading.node.label()
    )
}

/// The files whose rows are there already, and what is to be told of that.
#[derive(Default)]
pub(super) struct Files {
    pub files: Vec<BegunFile>,
    pub said: Option<String>,
}

/// Takes over what another load left, where all of it is as the source has it. Where there are no files, there is
/// no table.
pub(super) async fn files(
    loading: &Loading<'_>,
    location: &Location,
    pieces: &[Piece],
    known: Option<&LoadState>,
) -> Result<Files, Problem> {
    let useless = |said| Ok(Files { files: Vec::new(), said: Some(said) });
    let identity = types::decided(loading, known)?.map(|columns| identity(loading, &columns, known));
    let run = match take_over(loading, location, identity.as_deref()).await? {
        Left::Nothing => return Ok(Files::default()),
        Left::Useless(said) => return useless(said),
        Left::Table { run } => run,
    };
    let label = loading.node.label();
    let files = begun::files(loading.session, loading.shared.run, &label).await;
    let files = files.map_err(|error| wrong(loading, &error))?;
    let now: HashMap<&str, Option<&str>> =
        pieces.iter().map(|piece| (piece.name.as_str(), piece.version.as_deref())).collect();
    let is_same = |file: &BegunFile| now.get(file.file.as_str()) == Some(&Some(&file.version));
    let changed = files.iter().find(|file| !is_same(file));
    if changed.is_some() || files.is_empty() {
        let drop = format!("drop table {}", loading.relation);
        loading.session.run(&drop).await.map_err(|error| wrong(loading, &error))?;
    }
    if let Some(changed) = changed {
        return useless(begins_again(loading, run, &format!("{} is not what it was", changed.file)));
    }
    let (there, all) = (files.len(), pieces.len());
    let said =
        format!("{label}: went on where the load of run {run} ended: {there} of {all} files were there");
    Ok(Files { said: (there > 0).then_some(said), files })
}

/// Does what copies a file and writes that down, all or nothing.
pub(super) async fn whole(
    loading: &Loading<'_>,
    work: impl Future<Output = Result<BegunFile, Problem>>,
) -> Result<BegunFile, Problem> {
    let (session, label) = (loading.session, loading.node.label());
    in_transaction(loading, async {
        let file = work.await?;
        let done = begun::add_file(session, loading.shared.run, &label, &file).await;
        done.map_err(|error| wrong(loading, &error))?;
        Ok(file)
    })
    .await
}

/// Does it in one transaction. Files may take their time to be read, and nobody waits for what it holds.
pub(super) async fn in_transaction<T>(
    loading: &Loading<'_>,
    work: impl Future<Output = Result<T, Problem>>,
) -> Result<T, Problem> {
    let begin = "begin; set local idle_in_transaction_session_timeout = 0";
    all_or_nothing(loading.session, begin, |error| wrong(loading, error), work).await
}

fn prod<'a>(loading: &Loading<'a>) -> &'a str {
    loading.shared.manifest.schema(Layer::Prod).as_str()
}

fn wrong(loading: &Loading<'_>, error: &DatabaseError) -> Problem {
    Box::new(located(error, loading.place.clone()))
}
