//! Where what is replaced goes until it is dropped. Two relations of one name, of two schemas, go to two places: their
//! indexes have the same names, too.

use std::collections::{BTreeSet, HashMap};

use crate::name::{Ident, Relation};
use crate::run::sweep::old_schema;

pub struct Aside(HashMap<Relation, Ident>);

impl Aside {
    pub fn of<'a>(run: i64, relations: impl Iterator<Item = &'a Relation>) -> Self {
        let mut namesakes: HashMap<&Ident, usize> = HashMap::new();
        let place = |relation: &'a Relation| {
            let before = namesakes.entry(&relation.name).or_default();
            *before += 1;
            (relation.clone(), old_schema(run, *before - 1))
        };
        Self(relations.map(place).collect())
    }

    pub fn schemas(&self) -> BTreeSet<&Ident> {
        self.0.values().collect()
    }

    /// Where a relation is when it has gone aside.
    pub fn there(&self, relation: &Relation) -> Relation {
        Relation::new(self.0[relation].clone(), relation.name.clone())
    }

    pub fn moves(&self, kind: &str, relation: &Relation) -> String {
        format!("alter {kind} {relation} set schema {}", self.0[relation])
    }
}
