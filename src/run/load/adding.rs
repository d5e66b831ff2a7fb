//! Incremental loads: from where to go on, and how the new rows meet those that are published. Nothing is
//! remembered but what a succeeded run wrote together with its rows.

use std::collections::{HashMap, HashSet};

use serde_json::json;

use super::super::failure::located;
use super::super::task::{Delta, Problem};
use super::{Loading, cursor};
use crate::database::loads::{self, LoadState};
use crate::database::{DatabaseError, catalog};
use crate::diagnostic::Diagnostic;
use crate::name::{Ident, Relation};
use crate::project::{Config, Incremental, Layer};
use crate::run::build::let_go;
use crate::source::{self, ChangedColumns, Location, Piece, SourceError};

/// What earlier loads have brought, where this one is to go on from there.
pub(super) async fn known(loading: &Loading<'_>, location: &Location) -> Result<Option<LoadState>, Problem> {
    let (shared, node) = (loading.shared, loading.node);
    if !shared.plan.added_to.contains(&loading.id) {
        return Ok(None);
    }
    let prod = shared.manifest.schema(Layer::Prod).as_str();
    let asked = asked(&node.config, location);
    let state = loads::state(loading.session, prod, &node.label(), &location.to_string(), &asked).await;
    let state = state.map_err(|error| database(loading, &error))?;
    // A table that was loaded in another way before has nothing to go on from.
    let state = state.filter(|state| match &node.config.incremental {
        Some(Incremental::Cursor(_)) => state.cursor.as_deref().is_some_and(cursor::is_finite),
        _ => !state.files.is_empty(),
    });
    let Some(mut state) = state else { return Ok(None) };
    if let (Some(cursor), Some(last)) = (cursor::cursor(loading), &state.cursor)
        && let Some(lag) = &cursor.lag
    {
        state.from = Some(cursor::earlier(loading, &cursor.cursor, last, &lag.0).await?);
    }
    Ok(Some(state))
}

/// A hash of what decides on which rows a source gives. How it is reached, and how fast, is no part of it.
pub(super) fn asked(config: &Config, location: &Location) -> String {
    let address = match location {
        Location::Http(url) | Location::GoogleDrive { url, .. } | Location::Postgres(url) => {
            let mut url = url.clone();
            // Both fail only for addresses that have no login.
            let _ = url.set_username("");
            let _ = url.set_password(None);
            url.to_string()
        }
        other => other.to_string(),
    };
    let api = config.api.as_ref().map(|api| {
        let keys = api.keys.as_ref().map(|keys| (&keys.from, &keys.column, &keys.into, &keys.added));
        json!([api.method, api.records, api.parameters, api.body, keys])
    });
    let cursor = match &config.incremental {
        Some(Incremental::Cursor(cursor)) => Some(&cursor.cursor),
        _ => None,
    };
    let sheet = config.sheet.as_ref().map(|sheet| &sheet.0);
    let asked = json!([
        address,
        config.table,
        config.query,
        api,
        cursor,
        config.endpoint,
        config.records,
        config.member,
        sheet,
    ]);
    source::sha256(asked.to_string().as_bytes())
}

/// Where new rows wait. The name holds a space and a number, which no model's does twice.
pub(super) fn new_rows(loading: &Loading<'_>) -> Relation {
    let name = Ident::new(format!("elt new {}", loading.id.0)).expect("a number makes a short name");
    Relation::new(loading.shared.plan.build_schema.clone(), name)
}

pub(super) fn by_file(loading: &Loading<'_>) -> bool {
    matches!(loading.node.config.incremental, Some(Incremental::By(_)))
}

/// The pieces that are new or have changed.
pub(super) fn still_wanted(pieces: Vec<Piece>, known: &LoadState) -> Vec<Piece> {
    let is_known =
        |piece: &Piece| piece.version.is_some() && known.files.get(&piece.name) == piece.version.as_ref();
    pieces.into_iter().filter(|piece| !is_known(piece)).collect()
}

/// What is to be told of files that seem to have another name now: rows of a file that is gone stay, and those of a
/// new file are added.
pub(super) fn perhaps_renamed(loading: &Loading<'_>, pieces: &[Piece], known: &LoadState) -> Option<String> {
    let there: HashSet<&str> = pieces.iter().map(|piece| piece.name.as_str()).collect();
    let gone: HashMap<&str, &str> = known
        .files
        .iter()
        .filter(|(name, _)| !there.contains(name.as_str()))
        .map(|(name, version)| (version.as_str(), name.as_str()))
        .collect();
    let new = pieces.iter().filter(|piece| !known.files.contains_key(&piece.name));
    let mut renamed = new.filter_map(|piece| Some((gone.get(piece.version.as_deref()?)?, &piece.name)));
    let (before, now) = renamed.next()?;
    let more = match renamed.count() {
        0 => String::new(),
        count => format!(", and so do {count} more"),
    };
    Some(format!(
        "{}: {now} looks like {before} under another name{more}: rows of files that are gone stay, so they are there \
         twice now; --full-refresh loads what is there",
        loading.node.label()
    ))
}

/// A file whose rows are replaced must have some: otherwise nothing would say that the old ones go.
pub(super) fn check_emptied(
    loading: &Loading<'_>,
    known: &LoadState,
    name: &str,
    rows: u64,
) -> Result<(), Problem> {
    if rows > 0 || !by_file(loading) || !known.files.contains_key(name) {
        return Ok(());
    }
    let error = SourceError::new(format!("{name} has changed and is without rows now"));
    let hint = format!(
        "if that is right, load all files anew: --full-refresh --select {}",
        loading.node.name.as_str()
    );
    Err(loading.wrong(&error.with_hint(hint)))
}

/// Shows old and new rows together to tests and children; publishing moves the new ones over.
pub(super) async fn beside_published(loading: &Loading<'_>) -> Result<Delta, Problem> {
    let manifest = &loading.shared.manifest;
    let published = manifest.published(loading.id);
    let session = loading.session;
    let mut columns =
        catalog::columns(session, &published).await.map_err(|error| database(loading, &error))?;
    let new =
        catalog::columns(session, &loading.relation).await.map_err(|error| database(loading, &error))?;
    let added = columns_added(loading, &columns, new)?;
    let listed = |columns: &[catalog::Column]| -> Vec<String> {
        columns.iter().map(|column| ident(&column.name).to_string()).collect()
    };
    let mut old = listed(&columns);
    old.extend(added.iter().map(|column| format!("null::{} as {}", column.data_type, ident(&column.name))));
    columns.extend(added.iter().cloned());
    let movement = Movement {
        published: &published,
        new: &loading.relation,
        old: old.join(", "),
        columns: listed(&columns).join(", "),
        key: keys(loading),
    };
    let both = loading.shared.plan.building(manifest, loading.id);
    let overlay = format!("create view {both} as {}; analyze {}", movement.overlay(), loading.relation);
    session.run(&overlay).await.map_err(|error| database(loading, &error))?;
    let mut statements = Vec::new();
    if !added.is_empty() {
        let parts: Vec<String> = added
            .iter()
            .map(|column| format!("add column {} {}", ident(&column.name), column.data_type))
            .collect();
        statements.push(let_go(&both, &columns));
        statements.push(format!("alter table {published} {}", parts.join(", ")));
    }
    statements.extend(movement.statements());
    Ok(Delta { statements, alters: !added.is_empty(), ..Delta::default() })
}

/// Columns that only the new rows have, where the model wants such; any other difference is refused.
fn columns_added(
    loading: &Loading<'_>,
    before: &[catalog::Column],
    new: Vec<catalog::Column>,
) -> Result<Vec<catalog::Column>, Problem> {
    let all_are_there = before
        .iter()
        .all(|column| new.iter().any(|now| now.name == column.name && now.data_type == column.data_type));
    let added: Vec<_> =
        new.into_iter().filter(|now| before.iter().all(|column| column.name != now.name)).collect();
    let adds = loading.options.changed_columns == ChangedColumns::Add;
    if all_are_there && (adds || added.is_empty()) {
        return Ok(added);
    }
    let name = loading.node.name.as_str();
    let message = format!("the columns of `{name}` are not those of its published table");
    let problem = Diagnostic::error("columns-changed", message).at(loading.place.clone());
    Err(Box::new(problem.hint(format!("load it anew with --full-refresh --select {name}"))))
}

/// What makes an old row give way to a new one.
pub(super) fn keys(loading: &Loading<'_>) -> Vec<Ident> {
    if by_file(loading) {
        return vec![ident("_file")];
    }
    loading.node.config.unique_key.iter().map(|name| ident(name)).collect()
}

struct Movement<'a> {
    published: &'a Relation,
    new: &'a Relation,
    /// The columns in the order of the published table, those that it lacks as NULL.
    old: String,
    columns: String,
    key: Vec<Ident>,
}

impl Movement<'_> {
    /// That a new row takes the place of the old row `p`.
    fn replaced(&self) -> Option<String> {
        let parts: Vec<String> = self.key.iter().map(|key| format!("p.{key} = n.{key}")).collect();
        let same = parts.join(" and ");
        (!parts.is_empty()).then(|| format!("exists (select from {} as n where {same})", self.new))
    }

    fn overlay(&self) -> String {
        let kept = self.replaced().map(|replaced| format!(" where not {replaced}")).unwrap_or_default();
        format!(
            "select {} from {} as p{kept} union all select {} from {}",
            self.old, self.published, self.columns, self.new,
        )
    }

    /// A file's name is the key of many rows: a join would pair each with each, `exists` does not.
    fn statements(&self) -> Vec<String> {
        let gone =
            self.replaced().map(|replaced| format!("delete from {} as p where {replaced}", self.published));
        let (columns, new) = (&self.columns, self.new);
        let added = format!("insert into {} ({columns}) select {columns} from {new}", self.published);
        gone.into_iter().chain([added]).collect()
    }
}

pub(super) fn ident(name: &str) -> Ident {
    Ident::new(name).expect("the database and the config keep no name that is empty or too long")
}

pub(super) fn database(loading: &Loading<'_>, error: &DatabaseError) -> Problem {
    Box::new(located(error, loading.place.clone()))
}
