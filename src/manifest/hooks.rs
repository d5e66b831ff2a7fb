//! Hooks: statements of the user's that run before and after a relation is built, or a run. Rendered like
//! models, with the way back to the line that holds them.

use std::sync::Arc;

use super::read::Reader;
use super::{Manifest, NodeId, Sql, Text};
use crate::diagnostic::{Location, SourceFile};
use crate::name::Relation;
use crate::project::WrittenHook;
use crate::template::{Reference, Subject};

/// A statement to run.
#[derive(Debug, Clone)]
pub struct Hook {
    pub text: Text,
    pub file: Arc<SourceFile>,
    /// In the transaction that builds the relation.
    pub transaction: bool,
}

impl Hook {
    /// Whether it is about the relation itself.
    pub fn names_itself(&self) -> bool {
        let rendered = &self.text.rendered;
        // Of one that asks, only what stands before the first question was rendered.
        let may = rendered.asking.as_ref().is_some_and(|asking| asking.text().contains("this("));
        may || rendered.references.contains(&Reference::This)
    }
}

/// What runs before and after.
#[derive(Debug, Clone, Default)]
pub struct Hooks {
    pub before: Vec<Hook>,
    pub after: Vec<Hook>,
}

impl Hooks {
    pub fn is_empty(&self) -> bool {
        self.before.is_empty() && self.after.is_empty()
    }

    pub fn all_mut(&mut self) -> impl Iterator<Item = &mut Hook> {
        self.before.iter_mut().chain(&mut self.after)
    }
}

impl Reader<'_> {
    /// Renders hooks, which are written in one of `files`.
    pub(super) fn hooks(
        &mut self,
        written: &[WrittenHook],
        files: &[&Arc<SourceFile>],
        subject: Subject<'_>,
    ) -> Vec<Hook> {
        let mut hooks = Vec::new();
        for hook in written {
            let (file, shown) = placed(&hook.sql, files);
            match self.project.library.render_statements(&shown, subject) {
                Ok(rendered) => hooks.push(Hook {
                    text: Text { rendered, targets: Vec::new() },
                    file,
                    transaction: hook.transaction,
                }),
                Err(problems) => self.problems.extend(problems.into_iter().map(|mut problem| {
                    if let Some(place) = &mut problem.location {
                        *place = Location::new(&file, place.span.clone());
                    }
                    problem
                })),
            }
        }
        hooks
    }

    /// Those before and after a whole run.
    pub(super) fn run_hooks(&mut self) -> Hooks {
        let profile = &self.project.profile;
        let mut render = |statements: &[String], ends_run: bool| {
            let written = statements.iter().map(|sql| WrittenHook { sql: sql.clone(), transaction: false });
            let written: Vec<WrittenHook> = written.collect();
            let mut hooks =
                self.hooks(&written, &[&profile.file], Subject { ends_run, ..Subject::default() });
            for hook in &mut hooks {
                hook.text.targets = self.targets(&hook.text.rendered.references, None, &hook.file);
            }
            hooks
        };
        Hooks { before: render(&profile.on_run_start, false), after: render(&profile.on_run_end, true) }
    }

    /// What a node's hooks read.
    pub(super) fn resolve_hooks(&mut self, own: NodeId) -> Vec<NodeId> {
        let mut hooks = std::mem::take(&mut self.nodes[own.0].hooks);
        let mut read = Vec::new();
        for hook in hooks.all_mut() {
            hook.text.targets = self.targets(&hook.text.rendered.references, Some(own), &hook.file);
            read.extend(hook.text.targets.iter().copied());
        }
        self.nodes[own.0].hooks = hooks;
        read
    }
}

/// The file that holds a statement, and one that holds it alone at the same place, for rendering.
fn placed(sql: &str, files: &[&Arc<SourceFile>]) -> (Arc<SourceFile>, Arc<SourceFile>) {
    for file in files {
        if let Some(at) = file.text.find(sql) {
            let blank = file.text[..at].bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' });
            let text: String = blank.chain(sql.chars()).collect();
            return ((*file).clone(), Arc::new(SourceFile { path: file.path.clone(), text }));
        }
    }
    // Written with escapes, or put together by a macro: shown as it came out.
    let path = files.first().map_or_else(|| "hook".to_owned(), |file| format!("{} (hook)", file.path));
    let file = Arc::new(SourceFile { path, text: sql.to_owned() });
    (file.clone(), file)
}

impl Manifest {
    /// A hook's statements.
    pub fn hook_sql(&self, hook: &Hook, name: &dyn Fn(NodeId) -> Relation) -> Sql {
        self.assemble(&hook.text, &hook.file, name)
    }
}
