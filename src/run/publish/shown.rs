//! One row in prod says which run its readers see.

use super::{Publication, moving::Stop, not_ours};
use crate::database::{Session, catalog};
use crate::manifest::Manifest;
use crate::name::{Ident, Relation};
use crate::project::Layer;

pub fn table(manifest: &Manifest) -> Relation {
    let name = Ident::new(catalog::PUBLICATION).expect("a constant name is good");
    Relation::new(manifest.schema(Layer::Prod).clone(), name)
}

/// The statements that make the row say so; it changes with the relations.
pub async fn statements(session: &Session, publication: &Publication<'_>) -> Result<Vec<String>, Stop> {
    let row = table(publication.manifest);
    let standing = catalog::existing(session, std::slice::from_ref(&row)).await?;
    let run = publication.run;
    let mut sql = Vec::new();
    match standing.first() {
        Some(one) if !one.owned => return Err(Stop::Refused(not_ours(&row))),
        Some(_) => {}
        None => {
            sql.push(format!(
                "create table {row} (run_id bigint not null, published_at timestamptz not null)"
            ));
            sql.push(format!(
                "comment on table {row} is 'Which run this schema shows. One row, written by elt.'"
            ));
            sql.push(format!("insert into {row} values ({run}, now())"));
            if catalog::role_exists(session, &publication.place.target.reader_role).await? {
                sql.push(format!("grant select on {row} to {}", &publication.place.target.reader_role));
            }
        }
    }
    sql.extend(shows(publication.manifest, run));
    Ok(sql)
}

/// Every publication is told, also one that only changed other layers: who listens looks at the row.
pub fn shows(manifest: &Manifest, run: i64) -> [String; 2] {
    let row = table(manifest);
    [
        format!("update {row} set run_id = {run}, published_at = now()"),
        format!("notify elt_published, '{run}'"),
    ]
}
