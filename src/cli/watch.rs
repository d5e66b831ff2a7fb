//! `watch`: every save is compiled and checked, and, if asked, what changed is rebuilt.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use clap::Args;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::args::{Defer, Selection};
use super::terminal::{duration, faint};
use super::{Context, Outcome, Stop, going, work};
use crate::database::Session;
use crate::engine::Engine;
use crate::manifest::{Body, Manifest, NodeId};
use crate::project::Project;
use crate::run::{self, Request};
use crate::template::Asking;
use crate::watch::Watcher;

#[derive(Debug, Clone, Args)]
pub struct Watch {
    #[command(flatten)]
    pub selection: Selection,
    #[command(flatten)]
    pub defer: Defer,
    /// Also load, build, test and publish what changed and all that is made from it
    #[arg(long)]
    pub run: bool,
    /// The same without loading
    #[arg(long, conflicts_with = "run")]
    pub build: bool,
    /// Sessions that build at the same time
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub threads: Option<u16>,
}

/// What each node and test came to when it was last good, by label.
type Signatures = BTreeMap<String, String>;

/// What is kept from round to round.
struct Watching<'a> {
    context: &'a Context,
    arguments: &'a Watch,
    stop: CancellationToken,
    engine: Option<(String, Arc<Engine>)>,
    session: Option<Session>,
    good: Signatures,
}

pub async fn watch(context: &Context, arguments: &Watch) -> Outcome {
    let mut watcher = Watcher::new(&context.global.project_dir)
        .map_err(|error| Stop::error("system", format!("the project cannot be watched: {error}")))?;
    let stop = work::on_signal(|| ());
    let mut watching = Watching {
        context,
        arguments,
        stop: stop.clone(),
        engine: None,
        session: None,
        good: Signatures::new(),
    };
    let mut changed = BTreeSet::new();
    loop {
        watching.tell_round(&changed).await;
        tokio::select! {
            next = watcher.changed() => changed = next,
            () = stop.cancelled() => break,
        }
    }
    drop(watching.session.take());
    if let Some(engine) = watching.engine.take().and_then(|(_, engine)| Arc::into_inner(engine)) {
        engine.close().await?;
    }
    Ok(ExitCode::SUCCESS)
}

impl Watching<'_> {
    /// One round; whatever is wrong is told, and the watching goes on.
    async fn tell_round(&mut self, changed: &BTreeSet<String>) {
        let begun = Instant::now();
        let terminal = self.context.terminal.clone();
        terminal.clear();
        if !changed.is_empty() {
            let mut names: Vec<&str> = changed.iter().map(String::as_str).take(3).collect();
            let more = format!("{} more", changed.len().saturating_sub(3));
            if changed.len() > 3 {
                names.push(&more);
            }
            terminal.say(&format!("Changed: {}", names.join(", ")));
        }
        let stop = self.stop.clone();
        let outcome = tokio::select! {
            outcome = self.round(changed) => outcome,
            // A run under way is cancelled by the same token, and ends by itself.
            () = stop.cancelled(), if !(self.arguments.run || self.arguments.build) => return,
        };
        let took = duration(i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX));
        let good = match outcome {
            Ok(good) => good,
            Err(Stop::Problems(problems)) => {
                terminal.diagnostics(&problems);
                let (count, noun) =
                    (problems.len(), if problems.len() == 1 { "problem" } else { "problems" });
                terminal.say(&format!("{count} {noun} in {took}"));
                false
            }
            Err(Stop::Failed(problem, what)) => {
                terminal.diagnostics(&[*problem]);
                terminal.say(what);
                false
            }
            Err(Stop::Error { code, message, hint }) => {
                terminal.error(code, &message, hint.as_deref());
                false
            }
        };
        if terminal.json {
            terminal.json_line(&json!({"event": "watched", "changed": changed, "good": good}));
        }
        if !self.stop.is_cancelled() {
            terminal.say(&faint(&format!("watching ({took}); Ctrl-C ends")));
        }
    }

    async fn round(&mut self, changed: &BTreeSet<String>) -> Result<bool, Stop> {
        let begun = Instant::now();
        let (mut project, manifest) = self.context.project()?;
        if let Some(threads) = self.arguments.threads {
            project.target.threads = usize::from(threads);
        }
        let first = self.good.is_empty();
        let chosen = self.context.choose(&project, &manifest, &self.arguments.selection)?;
        let now = signatures(&manifest);
        let affected: BTreeSet<NodeId> =
            affected(&manifest, &self.good, &now, changed).intersection(&chosen.nodes).copied().collect();
        let engine = self.engine(&project).await?;
        if self.session.as_ref().is_none_or(Session::is_closed) {
            self.session = Some(engine.connector.connect().await?);
        }
        let session = self.session.as_ref().expect("it was made just above");
        let state = self.arguments.selection.state.as_deref();
        let defer = self.context.defer(&project, &manifest, &self.arguments.defer, state)?;
        let checked = run::check(session, &manifest, &affected, defer.as_ref()).await?;
        self.context.terminal.diagnostics(&checked.problems);
        let took = duration(i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX));
        let (good, bad) = (checked.good, checked.bad());
        if bad > 0 || !affected.is_empty() {
            let message = format!("Checked models and tests in {took}: {good} good, {bad} bad");
            self.context.terminal.say(&message);
        } else {
            self.context.terminal.say("Nothing that is built has changed");
        }
        if bad > 0 {
            return Ok(false);
        }
        let command = match (self.arguments.run, self.arguments.build) {
            (true, _) => "run",
            (_, true) => "build",
            _ => {
                self.good = now;
                return Ok(true);
            }
        };
        let selection = work::handled(&manifest, command, if first { &chosen.nodes } else { &affected });
        if !selection.iter().any(|id| manifest.node(*id).is_built()) {
            self.good = now;
            return Ok(true);
        }
        let request = Request {
            command: command.to_owned(),
            selection,
            tests: chosen.tests,
            unit_tests: chosen.unit_tests,
            defer,
            full_refresh: false,
            fail_fast: false,
            store_failures: false,
            event_time: None,
            vars: self.context.setting.vars.clone(),
            planned: None,
            retried: None,
        };
        let cancel = self.stop.child_token();
        let written = &self.arguments.selection;
        let going =
            going::Going { context: self.context, project: &project, engine: &engine, written, begun };
        let ran = going.run(Arc::new(manifest), request, || cancel).await?;
        if ran {
            self.good = now;
        }
        Ok(ran)
    }

    /// The engine of the project's target; another one only where the target became another.
    async fn engine(&mut self, project: &Project) -> Result<Arc<Engine>, Stop> {
        let target = &project.target;
        let key = format!("{}\n{:?}\n{:?}", target.name, target.url, target.reader_url);
        if let Some((_, engine)) = self.engine.as_ref().filter(|(known, _)| *known == key) {
            return Ok(engine.clone());
        }
        self.session = None;
        if let Some(old) = self.engine.take().and_then(|(_, engine)| Arc::into_inner(engine)) {
            old.close().await?;
        }
        let engine = Arc::new(Engine::open(&project.root, target).await?);
        self.engine = Some((key, engine.clone()));
        Ok(engine)
    }
}

/// Everything about a node or a test that makes it another one.
fn signatures(manifest: &Manifest) -> Signatures {
    let nodes = manifest.ids().map(|id| {
        let node = manifest.node(id);
        let body = match &node.body {
            Body::Model { full, incremental } => {
                let added = incremental.as_ref().map(|text| text.rendered.marked.as_str());
                format!(
                    "{}\n{}\n{:?}",
                    full.rendered.marked,
                    added.unwrap_or_default(),
                    full.rendered.references
                )
            }
            Body::Rule(rule) => rule.file.text.clone(),
            Body::Source { .. } => String::new(),
        };
        let columns: Vec<_> = node
            .columns
            .iter()
            .map(|column| (&column.name, &column.data_type, &column.description))
            .collect();
        let relation = manifest.published(id).plain();
        let asks = manifest.asking_identity(id);
        (
            node.label(),
            format!("{relation}\n{body}\n{asks:?}\n{:?}\n{columns:?}\n{}", node.config, node.description),
        )
    });
    let tests = manifest.tests.iter().map(|test| {
        let rendered = &test.text.rendered;
        let asks = rendered.asking.as_ref().map(Asking::identity);
        (format!("test {}", test.name), format!("{}\n{asks:?}\n{:?}", rendered.marked, test.judged))
    });
    let units = manifest.unit_tests.iter();
    let units = units.map(|test| (format!("unit test {}", test.written.name), test.written.checksum()));
    nodes.chain(tests).chain(units).collect()
}

/// The nodes that are other than they were or load a file that changed, those whose tests are, and all that
/// is made from them.
fn affected(
    manifest: &Manifest,
    before: &Signatures,
    now: &Signatures,
    changed: &BTreeSet<String>,
) -> BTreeSet<NodeId> {
    let is_other = |label: &str| before.get(label) != now.get(label);
    let is_concerned = |id: &NodeId| {
        let node = manifest.node(*id);
        let source = node.config.source.as_deref().unwrap_or_default();
        is_other(&node.label()) || changed.contains(source.trim_start_matches("./"))
    };
    let mut waiting: Vec<NodeId> = manifest.ids().filter(is_concerned).collect();
    let mut found: BTreeSet<NodeId> = waiting.iter().copied().collect();
    while let Some(id) = waiting.pop() {
        for child in &manifest.children[id.0] {
            if found.insert(*child) {
                waiting.push(*child);
            }
        }
    }
    let tests = manifest.tests.iter().filter(|test| is_other(&format!("test {}", test.name)));
    found.extend(tests.filter_map(|test| test.home));
    let is_other = |name: &str| is_other(&format!("unit test {name}"));
    let units = manifest.unit_tests.iter().filter(|test| is_other(&test.written.name));
    found.extend(units.map(|test| test.model));
    found
}
