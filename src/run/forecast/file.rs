//! A plan as a file: what was asked for, what was foreseen, and of what state of project and database.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::steps::{Action, Step, TestStep};
use crate::database::{DatabaseError, Session};
use crate::manifest::Manifest;
use crate::project::Layer;
use crate::run::request::WrittenRequest;
use crate::run::{Place, Request};

/// Raised when a file of before cannot be followed any more.
const FORMAT: u32 = 1;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PlanFile {
    format: u32,
    elt: String,
    /// Target, database and prod schema.
    place: [String; 3],
    pub request: WrittenRequest,
    steps: BTreeMap<String, PlannedStep>,
    tests: BTreeMap<String, Action>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct PlannedStep {
    action: Action,
    why: Option<String>,
    fingerprint: String,
    state: String,
    content: Option<String>,
}

impl PlanFile {
    pub(super) async fn new(
        place: &Place,
        manifest: &Manifest,
        request: &Request,
        steps: &[Step],
        tests: &[TestStep],
        session: &Session,
    ) -> Result<Self, DatabaseError> {
        let step = |step: &Step| PlannedStep {
            action: step.action,
            why: step.why.clone(),
            fingerprint: step.fingerprint.clone(),
            state: step.state.clone(),
            content: step.content.clone(),
        };
        Ok(Self {
            format: FORMAT,
            elt: env!("CARGO_PKG_VERSION").to_owned(),
            place: here(place, manifest, session).await?,
            request: request.written(manifest, &place.secrets),
            steps: steps.iter().map(|one| (one.node.clone(), step(one))).collect(),
            tests: tests.iter().map(|one| (one.test.clone(), one.action)).collect(),
        })
    }

    /// A plan from the text of its file; the message says what is wrong with it.
    pub fn read(text: &str) -> Result<Self, String> {
        let plan: Self = serde_json::from_str(text)
            .map_err(|error| format!("it is not what `elt plan --out` writes: {error}"))?;
        let elt = env!("CARGO_PKG_VERSION");
        if plan.format != FORMAT || plan.elt != elt {
            return Err(format!("elt {} wrote it, and this is elt {elt}", plan.elt));
        }
        Ok(plan)
    }

    pub fn text(&self) -> String {
        serde_json::to_string_pretty(self).expect("names, numbers and lists are JSON")
    }

    /// What is otherwise now than when this plan was made; nothing where a run would do just what it says.
    pub(in crate::run) async fn outdated(
        &self,
        place: &Place,
        manifest: &Manifest,
        steps: &[Step],
        tests: &[TestStep],
        session: &Session,
    ) -> Result<Vec<String>, DatabaseError> {
        let here = here(place, manifest, session).await?;
        if here != self.place {
            let [target, database, prod] = &self.place;
            return Ok(vec![format!("it was made for target {target}, database {database}, schema {prod}")]);
        }
        let mut told: Vec<String> =
            steps.iter().filter_map(|now| self.differs(now, self.steps.get(&now.node))).collect();
        let gone = |name: &&String| !steps.iter().any(|now| now.node == **name);
        told.extend(self.steps.keys().filter(gone).map(|name| format!("{name} is gone")));
        let planned = |now: &&TestStep| self.tests.get(&now.test) != Some(&now.action);
        told.extend(tests.iter().filter(planned).map(|now| format!("the test {} is another", now.test)));
        Ok(told)
    }

    fn differs(&self, now: &Step, planned: Option<&PlannedStep>) -> Option<String> {
        let node = &now.node;
        let Some(planned) = planned else { return Some(format!("{node} is not in it")) };
        if planned.fingerprint != now.fingerprint {
            return Some(format!("{node} was modified since"));
        }
        if planned.content != now.content {
            return Some(format!("the source of {node} holds something else than then"));
        }
        if planned.state != now.state {
            return Some(format!("{node}, or what it reads, was published or changed since"));
        }
        let same = planned.action == now.action && planned.why == now.why;
        (!same).then(|| match &now.why {
            Some(why) => format!("{node} would be built for another reason: {why}"),
            None => format!("{node} would not be built any more"),
        })
    }
}

async fn here(place: &Place, manifest: &Manifest, session: &Session) -> Result<[String; 3], DatabaseError> {
    let database = session.value("select current_database()").await?.unwrap_or_default();
    Ok([place.target.name.clone(), database, manifest.schema(Layer::Prod).as_str().to_owned()])
}
