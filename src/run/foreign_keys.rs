//! Whether rows have their rows in the tables that their foreign keys point to. It is asked beside what is
//! published, before the keys are made: made over rows that are known to be good, they need no look at them.

use crate::database::foreign_keys::{StandingKey, is_key, standing};
use crate::database::{DatabaseError, Session, catalog};
use crate::diagnostic::Diagnostic;
use crate::manifest::{ForeignKey, Manifest, Node, NodeId};
use crate::name::{Ident, Relation};
use crate::run::failure::located;
use crate::run::task::{Problem, Shared};

/// How many values are shown of rows that point to nothing.
const SHOWN: i64 = 5;

/// Judges the rows of a node that was just built beside. `new` holds only those that came, where the published
/// table stays and is added to.
pub(super) async fn check(
    shared: &Shared,
    session: &Session,
    id: NodeId,
    new: Option<&Relation>,
) -> Result<(), Problem> {
    let (manifest, plan) = (&shared.manifest, &shared.plan);
    let node = manifest.node(id);
    if node.foreign_keys.is_empty() {
        return Ok(());
    }
    let whole = plan.building(manifest, id);
    let kept = match new {
        Some(_) => standing_keys(session, manifest, id).await.map_err(|error| at_start(node, &error))?,
        None => Vec::new(),
    };
    for (index, key) in node.foreign_keys.iter().enumerate() {
        let itself = key.to == id;
        let parent = if itself { whole.clone() } else { plan.name(manifest, Some(id), key.to) };
        let made_anew = plan.builds(key.to) && !plan.added_to.contains(&key.to);
        if !made_anew && !plan.is_deferred(key.to) {
            has_key(session, manifest, key).await?;
        }
        let old_rows_are_good = kept.contains(&index) && !itself && !plan.builds(key.to);
        let rows = new.filter(|_| old_rows_are_good).unwrap_or(&whole);
        if let Some(found) =
            orphans(session, key, rows, &parent).await.map_err(|error| of_key(key, &error))?
        {
            let to = manifest.node(key.to).name.as_str();
            let message = format!(
                "{} of `{}` point{} to nothing in `{to}`",
                counted(found.rows),
                node.name.as_str(),
                if found.rows == 1 { "s" } else { "" }
            );
            let problem = Diagnostic::error("constraint", message).at(key.place.clone());
            return Err(Box::new(problem.rows(Some(found.shown(key, &manifest.published(key.to))))));
        }
    }
    Ok(())
}

fn at_start(node: &Node, error: &DatabaseError) -> Problem {
    Box::new(located(error, node.place_of("foreign_key")))
}

pub(super) fn of_key(key: &ForeignKey, error: &DatabaseError) -> Problem {
    Box::new(located(error, key.place.clone()))
}

/// Those of a published node's keys that stand as its contract has them.
async fn standing_keys(
    session: &Session,
    manifest: &Manifest,
    id: NodeId,
) -> Result<Vec<usize>, DatabaseError> {
    let there = catalog::existing(session, &[manifest.published(id)]).await?;
    let oids: Vec<u32> = there.iter().map(|one| one.oid).collect();
    let keys = standing(session, &oids).await?;
    let node = manifest.node(id);
    let stands = |key: &ForeignKey| {
        keys.iter().any(|one| oids.contains(&one.child_oid) && is_same(manifest, key, one))
    };
    Ok((0..node.foreign_keys.len()).filter(|index| stands(&node.foreign_keys[*index])).collect())
}

/// Whether a key that stands is the one that is written.
pub(super) fn is_same(manifest: &Manifest, written: &ForeignKey, stands: &StandingKey) -> bool {
    let same = |written: &[Ident], stands: &[String]| {
        written.iter().map(Ident::as_str).eq(stands.iter().map(String::as_str))
    };
    stands.parent == manifest.published(written.to)
        && same(&written.columns, &stands.columns)
        && same(&written.to_columns, &stands.parent_columns)
}

/// What stands may have been made before it had a key, or by somebody else.
pub(super) async fn has_key(session: &Session, manifest: &Manifest, key: &ForeignKey) -> Result<(), Problem> {
    let parent = manifest.published(key.to);
    if is_key(session, &parent, &key.to_columns).await.map_err(|error| of_key(key, &error))? {
        return Ok(());
    }
    let columns: Vec<&str> = key.to_columns.iter().map(Ident::as_str).collect();
    let message = format!(
        "a foreign key points to ({}) of {}, which is no key there",
        columns.join(", "),
        parent.plain()
    );
    let hint = if manifest.node(key.to).is_built() {
        format!(
            "it was made before it had one: elt run --full-refresh --select {}",
            manifest.node(key.to).model_name()
        )
    } else {
        "elt did not make that table: give it a primary key or a unique index".to_owned()
    };
    Err(Box::new(Diagnostic::error("bad-contract", message).at(key.place.clone()).hint(hint)))
}

/// Rows that point to nothing.
pub(super) struct Orphans {
    pub rows: i64,
    /// How many different values they have.
    values: i64,
    /// The first of these.
    first: Vec<String>,
}

impl Orphans {
    /// As PostgreSQL says it: `Key (customer_id)=(7) is not present in table "customers"`.
    pub fn shown(&self, key: &ForeignKey, parent: &Relation) -> String {
        let columns: Vec<&str> = key.columns.iter().map(Ident::as_str).collect();
        let columns = columns.join(", ");
        let mut lines: Vec<String> = self
            .first
            .iter()
            .map(|values| format!("Key ({columns})=({values}) is not present in table {}.", parent.plain()))
            .collect();
        let more = self.values - i64::try_from(lines.len()).unwrap_or(self.values);
        if more > 0 {
            lines.push(format!("Nor are {more} more."));
        }
        lines.join("\n")
    }
}

pub(super) fn counted(rows: i64) -> String {
    format!("{rows} row{}", if rows == 1 { "" } else { "s" })
}

/// The question for rows that point to nothing: values, how many rows, how many rows and values in all.
pub(super) fn question(key: &ForeignKey, rows: &Relation, parent: &Relation) -> String {
    let joined = |parts: Vec<String>, by: &str| parts.join(by);
    let each = |write: &dyn Fn(&Ident) -> String| key.columns.iter().map(write).collect::<Vec<_>>();
    let pairs = key.columns.iter().zip(&key.to_columns);
    let same = joined(pairs.map(|(own, other)| format!("p.{other} = c.{own}")).collect(), " and ");
    format!(
        "select concat_ws(', ', {}), (sum(count(*)) over ())::bigint, count(*) over () from {rows} as c \
         where {} and not exists (select from {parent} as p where {same}) group by {} order by {} limit {SHOWN}",
        joined(each(&|column| format!("c.{column}::text")), ", "),
        joined(each(&|column| format!("c.{column} is not null")), " and "),
        joined(each(&|column| format!("c.{column}")), ", "),
        joined(each(&|column| format!("c.{column}")), ", "),
    )
}

pub(super) async fn orphans(
    session: &Session,
    key: &ForeignKey,
    rows: &Relation,
    parent: &Relation,
) -> Result<Option<Orphans>, DatabaseError> {
    let found = session.table(&question(key, rows, parent)).await?.rows;
    let number = |at: usize| found.first()?[at].as_deref()?.parse::<i64>().ok();
    let first = found.iter().filter_map(|row| row[0].clone()).collect();
    Ok(number(1).map(|rows| Orphans { rows, values: number(2).unwrap_or(1), first }))
}
