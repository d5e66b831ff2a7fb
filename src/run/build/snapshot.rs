//! Snapshots: every version that a row ever had, with the time it was valid (dbt's words and columns). The
//! first build makes the table; later ones find what changed, and build beside it the versions that begin
//! and the ends of those that are over. A view shows the table as it will be; publishing moves both over.
//! Nothing here ever replaces a table that has history.

use super::incremental::{beside, fit, let_go};
use super::key::KeyPart;
use super::keyed::{at_start, check_columns, check_keys, joined};
use super::schema_change::{SchemaChange, find, ident};
use super::standing::follow;
use super::{comments, finish, grants, query};
use crate::database::catalog::{self, Column};
use crate::database::{DatabaseError, Session};
use crate::diagnostic::{Diagnostic, Location};
use crate::manifest::{Node, NodeId};
use crate::name::{Ident, Relation};
use crate::project::{Config, HardDeletes, OnSchemaChange, SnapshotStrategy};
use crate::run::failure::{located, sql_problem};
use crate::run::task::{Built, Delta, Done, Problem, Shared, count};

/// The time of this statement, as dbt on PostgreSQL writes it.
const NOW: &str = "now()::timestamp without time zone";

pub(super) async fn build(shared: &Shared, session: &Session, id: NodeId) -> Result<Done, Problem> {
    let (manifest, plan) = (&shared.manifest, &shared.plan);
    let node = manifest.node(id);
    let source = Relation::new(plan.build_schema.clone(), beside("source", id));
    let sql = query(manifest, plan, id, false).wrap(&format!("create table {source} as\n"), "");
    session.run(&sql.text).await.map_err(|error| sql_problem(&error, &sql, &node.file))?;
    let columns = catalog::columns(session, &source).await.map_err(|error| at_start(node, &error))?;
    check_columns(node, &columns)?;
    check_keys(session, node, &source).await?;
    let scd = Snapshot::of(node, source);
    if !plan.added_to.contains(&id) {
        let relation = plan.building(manifest, id);
        let rows = session.run(&scd.first(&relation)).await.map_err(|error| scd.problem(node, &error))?;
        let warnings = finish(session, node, &relation, Some(rows)).await?;
        return Ok(Done { warnings, ..Done::built(Built::of(id), Some(count(rows))) });
    }
    let mut done = scd.add(shared, session, id, &columns).await?;
    if plan.full_refresh {
        done.notes.push(format!(
            "{} is a snapshot: --full-refresh left its history as it is; to begin anew, drop the table yourself",
            manifest.published(id).plain()
        ));
    }
    Ok(done)
}

/// The columns that a snapshot adds to those of its query, for who only asks what it looks like.
pub(in crate::run) fn columns_added(config: &Config) -> String {
    let [scd_id, updated, from, to, deleted] = meta(config);
    let updated_at = config.updated_at.as_deref().unwrap_or(NOW);
    let deleted = match config.hard_deletes() {
        HardDeletes::NewRecord => format!(", 'False'::text as {deleted}"),
        _ => String::new(),
    };
    format!(
        "''::text as {scd_id}, {updated_at} as {updated}, {updated_at} as {from}, \
         nullif({updated_at}, {updated_at}) as {to}{deleted}"
    )
}

/// Id, updated, from, to, deleted.
fn meta(config: &Config) -> [Ident; 5] {
    let names = &config.snapshot_meta_column_names;
    let all = [
        (&names.dbt_scd_id, "dbt_scd_id"),
        (&names.dbt_updated_at, "dbt_updated_at"),
        (&names.dbt_valid_from, "dbt_valid_from"),
        (&names.dbt_valid_to, "dbt_valid_to"),
        (&names.dbt_is_deleted, "dbt_is_deleted"),
    ];
    all.map(|(own, default)| {
        let own = own.as_deref().and_then(|name| Ident::new(name).ok());
        own.unwrap_or_else(|| Ident::new(default).expect("a constant name is good"))
    })
}

struct Snapshot<'a> {
    config: &'a Config,
    node: &'a Node,
    source: Relation,
    keys: Vec<KeyPart>,
    meta: [Ident; 5],
    /// When a version began, as an expression over the source.
    updated_at: String,
    /// The end of what is valid still.
    open_end: &'a str,
}

impl<'a> Snapshot<'a> {
    fn of(node: &'a Node, source: Relation) -> Self {
        let config = &node.config;
        Self {
            config,
            node,
            source,
            keys: KeyPart::all(config),
            meta: meta(config),
            updated_at: config.updated_at.clone().unwrap_or_else(|| NOW.to_owned()),
            open_end: config.dbt_valid_to_current.as_deref().unwrap_or("null"),
        }
    }

    fn problem(&self, node: &Node, error: &DatabaseError) -> Problem {
        let place = node.place_of(self.config.updated_at.as_deref().unwrap_or_default());
        Box::new(located(error, place))
    }

    fn keeps_deletions(&self) -> bool {
        self.config.hard_deletes() == HardDeletes::NewRecord
    }

    /// The source's rows with the columns of a version that begins.
    fn beginning(&self) -> String {
        let [scd_id, updated, from, to, deleted] = &self.meta;
        let at = &self.updated_at;
        let id = hash(self.keys.iter().map(KeyPart::alone).chain([at.clone()]));
        let kept =
            if self.keeps_deletions() { format!(", 'False'::text as {deleted}") } else { String::new() };
        format!(
            "select s.*, {id} as {scd_id}, {at} as {updated}, {at} as {from}, \
             coalesce(nullif({at}, {at}), {}) as {to}{kept} from {} as s",
            self.open_end, self.source
        )
    }

    fn first(&self, relation: &Relation) -> String {
        format!("create table {relation} as {}", self.beginning())
    }

    async fn add(
        &self,
        shared: &Shared,
        session: &Session,
        id: NodeId,
        columns: &[Column],
    ) -> Result<Done, Problem> {
        let (manifest, plan, node) = (&shared.manifest, &shared.plan, self.node);
        let published = manifest.published(id);
        let failed = |error: DatabaseError| self.problem(node, &error);
        let standing = catalog::columns(session, &published).await.map_err(failed)?;
        for name in self.written_meta() {
            if find(&standing, name.as_str()).is_none() {
                return Err(no_snapshot(node, &published, name));
            }
        }
        let is_meta = |column: &&Column| self.meta.iter().any(|name| name.as_str() == column.name);
        let before: Vec<Column> = standing.iter().filter(|column| !is_meta(column)).cloned().collect();
        let policy = OnSchemaChange::AppendNewColumns;
        let mut change = SchemaChange::decide(
            node.name.as_str(),
            policy,
            &before,
            columns,
            Location::start_of(&node.file),
        )?;
        fit(session, &published, &self.source, &change, columns).await.map_err(failed)?;

        let (ends, delta) = (beside("ends", id), beside("delta", id));
        let ends = Relation::new(plan.build_schema.clone(), ends);
        let delta = Relation::new(plan.build_schema.clone(), delta);
        let changed = self.changed(columns, &before, "\"elt at\"");
        // In one go, so that they agree on what time it is.
        let sql = format!(
            "create table {ends} as {}; create table {delta} as {}",
            self.ending(&published, &changed),
            self.versions(&published, columns, &before)
        );
        let rows = session.run(&sql).await.map_err(failed)?;

        // Its own columns stay where they are, new ones come last.
        change.after = standing.clone();
        change.after.extend(change.added.iter().cloned());
        let building = plan.building(manifest, id);
        let overlay = self.overlay(&published, &ends, &delta, &change, columns);
        session
            .run(&format!("create view {building} as {overlay}; analyze {delta}"))
            .await
            .map_err(failed)?;

        let following = follow(shared, session, id, &building).await.map_err(failed)?;
        let mut statements = Vec::new();
        if let Some(alter) = change.statement(&published) {
            statements.push(let_go(&building, &change.after));
            statements.push(alter);
        }
        statements.extend(self.statements(&published, &ends, &delta, columns));
        let mut finally = comments(node, &published, "table", &change.after);
        finally.extend(grants::exact(node, &published));
        let alters = !change.is_none() || !following.statements.is_empty();
        finally.extend(following.statements);
        let delta = Delta { statements, finally, alters, ..Delta::default() };
        let mut done = Done::built(Built { delta: Some(delta), ..Built::of(id) }, Some(count(rows)));
        done.notes.extend(change.note(&published).into_iter().chain(following.notes));
        Ok(done)
    }

    /// A version of the published table that is valid still.
    fn is_open(&self, prefix: &str) -> String {
        let to = &self.meta[3];
        match &self.config.dbt_valid_to_current {
            Some(end) => format!("({prefix}.{to} is null or {prefix}.{to} = {end})"),
            None => format!("{prefix}.{to} is null"),
        }
    }

    /// The condition that the row `s`, whose time is in `at`, differs from its open version `p`.
    fn changed(&self, columns: &[Column], before: &[Column], at: &str) -> String {
        let mut changed = match self.config.strategy {
            Some(SnapshotStrategy::Check) => {
                let all = self.config.check_cols == ["all"];
                let checked =
                    columns.iter().filter(|column| all || self.config.check_cols.contains(&column.name));
                let checked: Vec<&Column> = checked.collect();
                if checked.iter().any(|column| find(before, &column.name).is_none()) {
                    "true".to_owned()
                } else {
                    let differs =
                        checked.iter().map(|column| format!("p.{0} is distinct from s.{0}", ident(column)));
                    joined(differs, " or ")
                }
            }
            _ => format!("p.{} < s.{at}", self.meta[2]),
        };
        if self.keeps_deletions() {
            changed.push_str(&format!(" or p.{} = 'True'", self.meta[4]));
        }
        format!("({changed})")
    }

    fn same_key(&self) -> String {
        joined(self.keys.iter().map(|key| format!("{} = {}", key.of("p"), key.of("s"))), " and ")
    }

    /// The source with the time its rows began.
    fn timed(&self) -> String {
        format!("(select *, {} as \"elt at\" from {}) as s", self.updated_at, self.source)
    }

    /// The condition that an open version `p` has no row any more, which has not been noted yet.
    fn vanished(&self) -> String {
        let noted = match self.keeps_deletions() {
            true => format!(" and p.{} is distinct from 'True'", self.meta[4]),
            false => String::new(),
        };
        format!(
            "{} and not exists (select from {} as s where {}){noted}",
            self.is_open("p"),
            self.source,
            self.same_key()
        )
    }

    /// Versions that are over: their id, and when they ended.
    fn ending(&self, published: &Relation, changed: &str) -> String {
        let [scd_id, ..] = &self.meta;
        let mut sql = format!(
            "select p.{scd_id} as id, s.\"elt at\" as ended from {published} as p join {} on {} where {} and {changed}",
            self.timed(),
            self.same_key(),
            self.is_open("p")
        );
        if self.config.hard_deletes() != HardDeletes::Ignore {
            let vanished = self.vanished();
            sql.push_str(&format!(
                " union all select p.{scd_id}, {NOW} from {published} as p where {vanished}"
            ));
        }
        sql
    }

    /// Versions that begin: of new and changed rows, and, where they are kept, of rows that vanished.
    fn versions(&self, published: &Relation, columns: &[Column], before: &[Column]) -> String {
        let [scd_id, _, from, to, _] = &self.meta;
        let open = self.is_open("p");
        let changed = self.changed(columns, before, from.to_string().as_str());
        let mut sql = format!(
            "select s.* from ({}) as s where not exists \
             (select from {published} as p where {} and {open} and not {changed})",
            self.beginning(),
            self.same_key()
        );
        if self.keeps_deletions() {
            let values = joined(
                columns.iter().map(|column| match find(before, &column.name) {
                    Some(_) => format!("p.{}", ident(column)),
                    None => format!("null::{}", column.data_type),
                }),
                ", ",
            );
            let id = hash([format!("p.{scd_id}"), NOW.to_owned()].into_iter());
            sql.push_str(&format!(
                " union all select {values}, {id}, {NOW}, {NOW}, p.{to}, 'True' from {published} as p where {}",
                self.vanished()
            ));
        }
        sql
    }

    /// The table as it will be.
    fn overlay(
        &self,
        published: &Relation,
        ends: &Relation,
        delta: &Relation,
        change: &SchemaChange,
        columns: &[Column],
    ) -> String {
        let [scd_id, _, _, to, _] = &self.meta;
        let old = change.after.iter().map(|column| {
            let name = ident(column);
            if name == *to {
                format!("coalesce(e.ended::{}, p.{name}) as {name}", column.data_type)
            } else {
                format!("{} as {name}", change.old_value("p", column))
            }
        });
        let new = change.after.iter().map(|column| {
            let name = ident(column);
            let there = find(columns, &column.name).is_some() || self.written_meta().contains(&name);
            let value = if there { format!("d.{name}") } else { "null".to_owned() };
            format!("{value}::{} as {name}", column.data_type)
        });
        format!(
            "select {} from {published} as p left join {ends} as e on e.id = p.{scd_id} and {} \
             union all select {} from {delta} as d",
            joined(old, ", "),
            self.is_open("p"),
            joined(new, ", ")
        )
    }

    fn written_meta(&self) -> &[Ident] {
        if self.keeps_deletions() { &self.meta } else { &self.meta[..4] }
    }

    /// The statements that end versions and let others begin.
    fn statements(
        &self,
        published: &Relation,
        ends: &Relation,
        delta: &Relation,
        columns: &[Column],
    ) -> Vec<String> {
        let [scd_id, _, _, to, _] = &self.meta;
        let names = columns.iter().map(ident).chain(self.written_meta().iter().cloned());
        let names = joined(names.map(|name| name.to_string()), ", ");
        vec![
            format!(
                "update {published} as p set {to} = e.ended from {ends} as e where e.id = p.{scd_id} and {}",
                self.is_open("p")
            ),
            format!("insert into {published} ({names}) select {names} from {delta}"),
        ]
    }
}

/// dbt's id of a version: the hash of what makes it one.
fn hash(parts: impl Iterator<Item = String>) -> String {
    let parts = parts.map(|part| format!("coalesce(cast({part} as varchar), '')"));
    format!("md5({})", joined(parts, " || '|' || "))
}

fn no_snapshot(node: &Node, published: &Relation, missing: &Ident) -> Problem {
    let message = format!(
        "{} is there, but has no column `{}`: it is not a snapshot of this kind",
        published.plain(),
        missing.as_str()
    );
    let hint =
        "elt replaces no table that may hold history: add the column, or rename or drop the table yourself";
    Box::new(Diagnostic::error("snapshot-columns", message).at(Location::start_of(&node.file)).hint(hint))
}
