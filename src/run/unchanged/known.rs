//! What a judge judges by: what the project says, which takes a while to read and no database, and what the
//! database says, which is asked once.

use std::collections::{BTreeSet, HashMap};
use std::panic::resume_unwind;
use std::sync::Arc;

use super::calls::Reads;
use super::definition::{Definition, of_test, of_unit_test};
use crate::database::catalog::Existing;
use crate::database::ledger::{self, Function, Standing};
use crate::database::{DatabaseError, Session};
use crate::manifest::{Body, Manifest, NodeId};
use crate::name::Relation;
use crate::project::{Layer, Materialization, Target};

/// What the project alone says of its nodes and tests, without asking a database.
#[derive(Default)]
pub(in crate::run) struct Texts {
    /// Of each node's definition.
    pub(super) fingerprints: Vec<String>,
    /// Of each node that has a query.
    pub(super) reads: Vec<Option<Reads>>,
    pub(super) tests: Vec<Question>,
    pub(super) unit_tests: Vec<Question>,
    /// All that nodes and tests call.
    functions: BTreeSet<String>,
}

/// What a test asks, its inputs apart.
pub(super) struct Question {
    pub text: String,
    pub reads: Reads,
}

impl Texts {
    pub fn of(manifest: &Manifest, target: &Target) -> Self {
        let reads: Vec<Option<Reads>> =
            manifest.ids().map(|id| has_query(manifest, id).then(|| Reads::of_node(manifest, id))).collect();
        let test = |test| Question { text: of_test(manifest, test), reads: Reads::of_test(manifest, test) };
        let tests: Vec<Question> = manifest.tests.iter().map(test).collect();
        let unit_test = |test| Question {
            text: of_unit_test(manifest, test),
            reads: Reads::of_unit_test(manifest, test),
        };
        let unit_tests: Vec<Question> = manifest.unit_tests.iter().map(unit_test).collect();
        let questions = tests.iter().chain(&unit_tests).map(|question| &question.reads);
        let all = reads.iter().flatten().chain(questions);
        let functions = all.flat_map(|reads| reads.functions().iter().cloned()).collect();
        let fingerprint = |id| Definition::of(manifest, target, id).fingerprint();
        let fingerprints = manifest.ids().map(fingerprint).collect();
        Self { fingerprints, reads, tests, unit_tests, functions }
    }

    /// The same on another thread, from now on: while the database is being reached and asked.
    pub fn beside(manifest: &Arc<Manifest>, target: &Target) -> impl Future<Output = Self> + use<> {
        let (manifest, target) = (manifest.clone(), target.clone());
        let reading = tokio::task::spawn_blocking(move || Self::of(&manifest, &target));
        async move { reading.await.unwrap_or_else(|ended| resume_unwind(ended.into_panic())) }
    }
}

/// What the database says of what stands.
pub(in crate::run) struct Facts {
    pub(super) standing: HashMap<Relation, Standing>,
    pub(super) functions: HashMap<String, Function>,
    pub(super) passed: HashMap<String, String>,
}

impl Facts {
    /// Of all that the manifest names, and of `others`. Of texts that may still be being read: most of what is
    /// asked does not hang on them.
    pub async fn read(
        session: &Session,
        manifest: &Manifest,
        target: &Target,
        others: impl Iterator<Item = Relation>,
        texts: impl Future<Output = Texts>,
    ) -> Result<(Texts, Self), DatabaseError> {
        let relations: Vec<Relation> =
            manifest.ids().map(|id| manifest.published(id)).chain(others).collect();
        let prod = manifest.schema(Layer::Prod).as_str();
        let called = async {
            let texts = texts.await;
            let names: Vec<&str> = texts.functions.iter().map(String::as_str).collect();
            let functions = ledger::functions(session, &names).await?;
            Ok((texts, functions))
        };
        let (standing, passed, (texts, functions)) = futures_util::try_join!(
            ledger::standing(session, &relations, &target.reader_role),
            ledger::passed_tests(session, prod),
            called,
        )?;
        Ok((texts, Self { standing, functions, passed }))
    }

    /// What stands.
    pub fn existing(&self) -> Vec<Existing> {
        self.standing.values().map(|standing| standing.relation.clone()).collect()
    }
}

/// Whether there is SQL whose rows or effects may differ each time.
fn has_query(manifest: &Manifest, id: NodeId) -> bool {
    let node = manifest.node(id);
    let stored_otherwise = matches!(
        node.materialization,
        Materialization::Load | Materialization::Incremental | Materialization::Snapshot
    );
    matches!(node.body, Body::Model { .. }) && (!stored_otherwise || !node.hooks.is_empty())
}
