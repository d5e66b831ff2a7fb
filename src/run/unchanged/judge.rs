//! Judges nodes and tests by the ledger, in the order in which their turn comes. Asks nothing and nobody: what it judges by was read before.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::known::{Facts, Question, Texts};
use super::reason::Reason;
use crate::database::ledger::{Entry, Function, Published, Standing};
use crate::database::{DatabaseError, Session};
use crate::manifest::{Manifest, NodeId, hash};
use crate::name::Relation;
use crate::project::{Layer, Materialization, Target};
use crate::run::plan::{Plan, needed, with_needed};
use crate::run::task::Built;

/// What is to become of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::run) enum Verdict {
    Build(Reason),
    Unchanged,
    /// Unchanged if the source still holds this.
    IfContent(String),
}

/// Which rows a relation holds: two relations of one version hold the same.
#[derive(Debug, Clone)]
pub(super) struct Version {
    id: String,
    /// Why they may not, although nothing was built in between.
    restless: Option<String>,
}

#[derive(Default)]
pub(in crate::run) struct Judge {
    run: i64,
    full_refresh: bool,
    pub(super) texts: Texts,
    standing: HashMap<Relation, Standing>,
    functions: HashMap<String, Function>,
    passed: HashMap<String, String>,
    /// As published before this run, by node.
    published: Vec<Option<Version>>,
    /// Of what this run built.
    pub(super) built: HashMap<NodeId, Version>,
    /// Of that, what an earlier run had built.
    pub(super) taken: HashSet<NodeId>,
    /// Of what this run built, why the answers to what it asked may differ.
    asked: HashMap<NodeId, String>,
}

impl Judge {
    /// Knows how everything stands before the plan is followed.
    pub fn new(manifest: &Manifest, plan: &Plan, texts: Texts, facts: Facts) -> Self {
        let mut judge = Self {
            run: 0,
            full_refresh: plan.full_refresh,
            texts,
            standing: facts.standing,
            functions: facts.functions,
            passed: facts.passed,
            published: vec![None; manifest.nodes.len()],
            built: HashMap::new(),
            taken: HashSet::new(),
            asked: HashMap::new(),
        };
        for id in &manifest.order {
            // Of what is read elsewhere, nothing is known.
            if !plan.is_deferred(*id) {
                judge.published[id.0] = judge.as_published(manifest, *id);
            }
        }
        judge
    }

    /// The same after what stands may have changed, before anything was built.
    pub async fn look_again(
        self,
        session: &Session,
        manifest: &Manifest,
        target: &Target,
        plan: &Plan,
    ) -> Result<Self, DatabaseError> {
        let texts = std::future::ready(self.texts);
        let (texts, facts) = Facts::read(session, manifest, target, std::iter::empty(), texts).await?;
        let mut judge = Self::new(manifest, plan, texts, facts);
        judge.begin(self.run);
        Ok(judge)
    }

    /// The run that what is built from now on belongs to.
    pub fn begin(&mut self, run: i64) {
        self.run = run;
    }

    /// Why a node is built, or that it need not be. What it reads must have been judged before.
    pub fn verdict(&self, manifest: &Manifest, id: NodeId) -> Verdict {
        match self.reason(manifest, id) {
            Some(reason) => Verdict::Build(reason),
            None if manifest.node(id).materialization != Materialization::Load => Verdict::Unchanged,
            None => match self.entry(manifest, id).and_then(|entry| entry.content.clone()) {
                Some(content) => Verdict::IfContent(content),
                None => Verdict::Build(Reason::UnknownSource),
            },
        }
    }

    fn reason(&self, manifest: &Manifest, id: NodeId) -> Option<Reason> {
        let Some(entry) = self.entry(manifest, id) else { return Some(Reason::New) };
        if self.full_refresh {
            return Some(Reason::FullRefresh);
        }
        if let Some(reason) = self.redefined(id, entry) {
            return Some(reason);
        }
        let stored = match manifest.node(id).materialization {
            Materialization::Incremental | Materialization::Snapshot => return Some(Reason::TakesRows),
            Materialization::Load if adds_rows(manifest, id) => return Some(Reason::TakesRows),
            // A view is only its query, which is run when it is read; its hooks are run when it is made.
            Materialization::View | Materialization::Ephemeral => {
                !manifest.node(id).hooks.is_empty() || manifest.asks(id)
            }
            Materialization::Load
            | Materialization::Seed
            | Materialization::Table
            | Materialization::MaterializedView => true,
        };
        let parents = needed(manifest, id);
        if let Some(parent) = parents.iter().find(|parent| self.built.contains_key(parent)) {
            return Some(Reason::Parent(manifest.node(*parent).label()));
        }
        if entry.inputs.is_none() || entry.inputs != self.inputs(manifest, id) {
            return Some(Reason::Inputs);
        }
        if self.is_touched(manifest, id, entry) {
            return Some(Reason::Touched);
        }
        self.restless(manifest, id).filter(|_| stored).map(Reason::Restless)
    }

    /// Whether the definition is not the one that was published.
    fn redefined(&self, id: NodeId, entry: &Entry) -> Option<Reason> {
        match &entry.fingerprint {
            None => Some(Reason::NoFingerprint),
            Some(fingerprint) if *fingerprint != self.texts.fingerprints[id.0] => Some(Reason::Modified),
            Some(_) => None,
        }
    }

    /// Whether the relation is not as elt left it.
    fn is_touched(&self, manifest: &Manifest, id: NodeId, entry: &Entry) -> bool {
        let Some(stands) = self.standing.get(&manifest.published(id)) else { return true };
        // Where the config says nothing of grants, those that others made are theirs.
        let grants_matter = manifest.node(id).words.contains_key("grants");
        entry.shape.as_ref() != Some(&stands.shape)
            || (manifest.node(id).layer == Layer::Prod && !stands.readable)
            || (grants_matter && entry.grants.as_ref() != Some(&stands.grants))
    }

    /// An incremental model that took no rows holds what it held, if it is still the same model.
    pub fn holds_what_it_held(&self, manifest: &Manifest, id: NodeId) -> bool {
        !self.full_refresh
            && adds_rows(manifest, id)
            && self.entry(manifest, id).is_some_and(|entry| {
                self.redefined(id, entry).is_none() && !self.is_touched(manifest, id, entry)
            })
    }

    /// Takes note that this run built a node.
    pub fn built(&mut self, manifest: &Manifest, id: NodeId) {
        self.built_by(manifest, &Built::of(id), self.run);
    }

    /// Takes note that what `run` built is to be published.
    pub fn built_by(&mut self, manifest: &Manifest, built: &Built, run: i64) {
        let id = built.id;
        self.asked.extend(built.asked.clone().map(|why| (id, why)));
        if run != self.run {
            self.taken.insert(id);
        }
        let version = match manifest.node(id).materialization {
            Materialization::View => self.version_of_view(manifest, id),
            _ => Some(Version { id: format!("run {run}"), restless: None }),
        };
        // A node without a version was built all the same.
        let unknown = || Version { id: "unknown".into(), restless: Some("reads what nobody knows".into()) };
        self.built.insert(id, version.unwrap_or_else(unknown));
    }

    /// What the ledger keeps of a node that this run built.
    pub fn record(&self, manifest: &Manifest, built: &Built, duration_ms: Option<i64>) -> Published {
        let node = manifest.node(built.id);
        Published {
            relation: manifest.published(built.id),
            node: node.label(),
            kind: node.materialization.name(),
            built_by: built.kept.as_ref().map(|kept| kept.built_by),
            fingerprint: Some(self.texts.fingerprints[built.id.0].clone()),
            inputs: self.inputs(manifest, built.id),
            content: built.content.clone(),
            definition: None,
            duration_ms,
            asked: built.asked.clone(),
        }
    }

    /// Of a test that is asked of what it reads now; `None` where its answer may differ each time.
    pub fn test_fingerprint(&self, manifest: &Manifest, index: usize) -> Option<String> {
        let test = &manifest.tests[index];
        if manifest.text_asks(&test.text, &BTreeSet::new()) {
            return None;
        }
        let targets = test.text.targets.iter().flat_map(|target| with_needed(manifest, *target));
        self.asked(&self.texts.tests[index], targets)
    }

    /// Of a unit test; its inputs may have got other types where they were built anew.
    pub fn unit_fingerprint(&self, manifest: &Manifest, index: usize) -> Option<String> {
        let test = &manifest.unit_tests[index];
        if manifest.text_asks(&test.text, &test.given.keys().copied().collect()) {
            return None;
        }
        let inputs = manifest.unit_inputs(test).into_iter().filter(|id| *id != test.model);
        self.asked(&self.texts.unit_tests[index], inputs)
    }

    /// What is asked, and of which versions.
    fn asked(&self, question: &Question, targets: impl Iterator<Item = NodeId>) -> Option<String> {
        let Question { text, reads } = question;
        let mut text = text.clone();
        if reads.restless(&self.functions).is_some() {
            return None;
        }
        for target in targets {
            let version = self.version(target)?;
            if version.restless.is_some() {
                return None;
            }
            text.push_str(&format!("\n{target:?} {}", version.id));
        }
        Some(hash(&format!("{text}\n{}", reads.versions(&self.functions))))
    }

    /// Whether a test held when it was last asked the same of the same rows.
    pub fn held(&self, manifest: &Manifest, index: usize) -> bool {
        let fingerprint = self.test_fingerprint(manifest, index);
        !self.full_refresh
            && fingerprint.is_some()
            && self.passed.get(&manifest.tests[index].name) == fingerprint.as_ref()
    }

    pub fn unit_held(&self, manifest: &Manifest, index: usize) -> bool {
        let fingerprint = self.unit_fingerprint(manifest, index);
        !self.full_refresh
            && fingerprint.is_some()
            && self.passed.get(&manifest.unit_tests[index].written.name) == fingerprint.as_ref()
    }

    /// Of a node's definition.
    pub fn fingerprint(&self, id: NodeId) -> &str {
        &self.texts.fingerprints[id.0]
    }

    /// Of what stands where a node is published, and of all that it reads: another one, if anything of that
    /// was published or changed in between.
    pub fn state(&self, manifest: &Manifest, id: NodeId) -> String {
        let stands = self.standing.get(&manifest.published(id));
        let run = stands.and_then(|stands| stands.entry.as_ref()).map(|entry| entry.run);
        let shape = stands.map(|stands| stands.shape.as_str());
        hash(&format!("{shape:?} {run:?} {:?}", self.inputs(manifest, id)))
    }

    /// Of a node that is built in batches: all that decides on their rows, but for what elt does not make. `None`
    /// where not all of it is known.
    pub fn identity(&self, manifest: &Manifest, id: NodeId) -> Option<String> {
        let node = manifest.node(id);
        let has_batches = node.materialization == Materialization::Incremental && node.config.is_microbatch();
        self.inputs(manifest, id).filter(|_| has_batches)?;
        Some(hash(&format!("{} {}", self.fingerprint(id), self.state(manifest, id))))
    }

    /// As before anything was built.
    pub fn forget_built(&mut self) {
        self.asked.clear();
        self.built.clear();
        self.taken.clear();
    }

    /// How long a node took when it was last built, in milliseconds.
    pub fn last_duration(&self, manifest: &Manifest, id: NodeId) -> Option<i64> {
        self.entry(manifest, id)?.duration_ms
    }

    fn entry(&self, manifest: &Manifest, id: NodeId) -> Option<&Entry> {
        self.standing.get(&manifest.published(id))?.entry.as_ref()
    }

    fn version(&self, id: NodeId) -> Option<&Version> {
        self.built.get(&id).or(self.published[id.0].as_ref())
    }

    /// The version of what stands there now. What was edited since, or changed by hand, is none that anything
    /// was built from.
    fn as_published(&self, manifest: &Manifest, id: NodeId) -> Option<Version> {
        let node = manifest.node(id);
        if node.materialization == Materialization::Ephemeral && !node.is_source() {
            return None;
        }
        let standing = self.standing.get(&manifest.published(id))?;
        if node.is_source() {
            let restless = Some(format!("reads the source {}", manifest.published(id).plain()));
            return Some(Version { id: standing.shape.clone(), restless });
        }
        let entry = standing.entry.as_ref()?;
        let touched = self.is_touched(manifest, id, entry);
        if node.materialization != Materialization::View {
            let id =
                if touched { format!("touched {}", standing.shape) } else { format!("run {}", entry.run) };
            return Some(Version { id, restless: None });
        }
        if touched || self.redefined(id, entry).is_some() {
            let restless = Some("is another view than the project's".to_owned());
            return Some(Version { id: format!("other {}", standing.shape), restless });
        }
        self.version_of_view(manifest, id)
    }

    fn version_of_view(&self, manifest: &Manifest, id: NodeId) -> Option<Version> {
        let inputs = self.inputs(manifest, id)?;
        let id_of_view = hash(&format!("{}\n{inputs}", self.texts.fingerprints[id.0]));
        Some(Version { id: id_of_view, restless: self.restless(manifest, id) })
    }

    /// The versions of all that a node reads and calls; `None` where one has none.
    pub(super) fn inputs(&self, manifest: &Manifest, id: NodeId) -> Option<String> {
        let mut text = String::new();
        for parent in needed(manifest, id) {
            text.push_str(&format!("{} {}\n", manifest.published(parent), self.version(parent)?.id));
        }
        text.push_str(
            &self.texts.reads[id.0].as_ref().map(|reads| reads.versions(&self.functions)).unwrap_or_default(),
        );
        Some(hash(&text))
    }

    /// Why what it asked when it was built may be answered otherwise by now.
    fn why_asked(&self, manifest: &Manifest, id: NodeId) -> Option<&str> {
        match self.built.contains_key(&id) || self.asked.contains_key(&id) {
            true => self.asked.get(&id).map(String::as_str),
            false => self.entry(manifest, id)?.asked.as_deref(),
        }
    }

    /// Why a query may give other rows each time: by itself, or by what it reads.
    fn restless(&self, manifest: &Manifest, id: NodeId) -> Option<String> {
        if manifest.node(id).config.unlogged {
            return Some("is unlogged, and empty after a crash".to_owned());
        }
        if let Some(why) = self.texts.reads[id.0].as_ref().and_then(|reads| reads.restless(&self.functions)) {
            return Some(why);
        }
        if let Some(why) = self.why_asked(manifest, id) {
            return Some(why.to_owned());
        }
        needed(manifest, id).into_iter().find_map(|parent| {
            let why = self.version(parent)?.restless.clone()?;
            let through = !manifest.node(parent).is_source();
            Some(if through { format!("reads {}, which {why}", manifest.node(parent).label()) } else { why })
        })
    }
}

/// Whether a run adds rows to what is published, or finds none to add.
fn adds_rows(manifest: &Manifest, id: NodeId) -> bool {
    let node = manifest.node(id);
    node.materialization == Materialization::Incremental || node.config.incremental.is_some()
}
