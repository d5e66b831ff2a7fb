//! Asks the database what templates ask while they render, and renders again with the answers. Questions read and
//! change nothing: each is asked in a transaction, or a part of one, that is read-only and rolled back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::failure;
use super::task::{Problem, Shared};
use super::unchanged::{restless_question, stand_in};
use crate::database::{DatabaseError, Session, TextTable, ValueKind};
use crate::diagnostic::{Diagnostic, Location, SourceFile};
use crate::manifest::{Answered, Manifest, NodeId, Text};
use crate::name::Relation;
use crate::template::{
    Answer, Answers, Column, Fault, Kind, Question, QuestionKind, Reference, Rendered, Run, Step, Table,
};

/// A template that asks more than this asks without end.
const MAX_QUESTIONS: usize = 1000;
/// What a statement begins with that reads.
const READING: &[&str] = &["select", "with", "values", "table", "show", "explain"];

/// Who asks, and how relations are called where the text will be run.
pub(super) struct Asker<'a> {
    pub session: &'a Session,
    pub manifest: &'a Manifest,
    pub name: &'a (dyn Fn(NodeId) -> Relation + Sync),
    /// Nodes that are relations here even if they are ephemeral.
    pub given: BTreeSet<NodeId>,
    /// A transaction is open already.
    pub within: bool,
    /// For statements that are about to be run: what they ask may change something, and stays.
    pub does: bool,
    /// Whether it is to be known if answers may differ although nothing was built in between.
    pub remembers: bool,
    /// What is known of the run, by the names that templates know it by.
    pub known: Known,
}

/// What templates may know of a run: `results` and the like.
pub(super) type Known = BTreeMap<&'static str, Arc<Value>>;

/// What came of all questions of a text.
#[derive(Default)]
pub(super) struct Heard {
    pub answered: Answered,
    pub problems: Vec<Diagnostic>,
    /// A query gave no value: what hangs on values could not be written.
    pub found_nothing: bool,
    /// Why answers may differ although nothing was built in between.
    pub restless: Option<String>,
}

/// The answers to what a node asks, for its query of this run.
pub(super) async fn of_node(shared: &Shared, session: &Session, id: NodeId) -> Result<Heard, Problem> {
    let (manifest, plan) = (&shared.manifest, &shared.plan);
    let node = manifest.node(id);
    let name = |target: NodeId| plan.name(manifest, Some(id), target);
    let asker = Asker { remembers: true, known: plan.known(manifest), ..Asker::of(session, manifest, &name) };
    let Some(text) = manifest.text(id, plan.added_to.contains(&id)) else { return Ok(Heard::default()) };
    let heard = asker.hear(text, &node.file, Some(id)).await;
    let whole = || Location::start_of(&node.file);
    let mut heard = heard.map_err(|error| Box::new(failure::located(&error, whole())))?;
    if let Some(problem) = heard.problems.pop() {
        return Err(Box::new(problem));
    }
    plan.hear(id, std::mem::take(&mut heard.answered));
    Ok(heard)
}

/// The answers to what a text asks that is run by itself, outside of a run.
pub async fn answered(
    session: &Session,
    manifest: &Manifest,
    text: &Text,
    (file, own): (&Arc<SourceFile>, Option<NodeId>),
    name: &(dyn Fn(NodeId) -> Relation + Sync),
) -> Result<Answered, Box<Diagnostic>> {
    match manifest.text_asks(text, &BTreeSet::new()) {
        true => Asker::of(session, manifest, name).answered(text, file, own).await,
        false => Ok(Answered::default()),
    }
}

impl<'a> Asker<'a> {
    /// Of a session without an open transaction.
    pub fn of(
        session: &'a Session,
        manifest: &'a Manifest,
        name: &'a (dyn Fn(NodeId) -> Relation + Sync),
    ) -> Self {
        Self {
            session,
            manifest,
            name,
            given: BTreeSet::new(),
            within: false,
            does: false,
            remembers: false,
            known: Known::new(),
        }
    }

    /// The answers to all that a text asks, or the first problem.
    pub async fn answered(
        &self,
        text: &Text,
        file: &Arc<SourceFile>,
        own: Option<NodeId>,
    ) -> Result<Answered, Problem> {
        let heard = self.hear(text, file, own).await;
        let heard = heard.map_err(|error| Box::new(failure::located(&error, Location::start_of(file))))?;
        heard.problems.into_iter().next().map_or(Ok(heard.answered), |problem| Err(Box::new(problem)))
    }

    /// All that a text asks, and the ephemeral models in it. The error is a lost server.
    pub async fn hear(
        &self,
        text: &Text,
        file: &Arc<SourceFile>,
        own: Option<NodeId>,
    ) -> Result<Heard, DatabaseError> {
        let mut heard = Heard::default();
        let (begin, end) = match self.within {
            true => (
                "savepoint elt_asking; set local transaction_read_only = on",
                "rollback to savepoint elt_asking; release savepoint elt_asking",
            ),
            false => ("begin read only", "rollback"),
        };
        if self.does {
            return self.all(text, (file, own), &mut heard).await.map(|()| heard);
        }
        self.session.run(begin).await?;
        let asked = self.all(text, (file, own), &mut heard).await;
        self.session.run(end).await?;
        asked.map(|()| heard)
    }

    async fn all(
        &self,
        text: &Text,
        (file, own): (&Arc<SourceFile>, Option<NodeId>),
        heard: &mut Heard,
    ) -> Result<(), DatabaseError> {
        for id in self.manifest.asking_inside(text, &self.given) {
            let Some(inner) = self.manifest.text(id, false) else { continue };
            match self.one(inner, (&self.manifest.node(id).file, Some(id)), heard).await? {
                Ok(text) => heard.answered.ephemeral.insert(id, text),
                Err(problems) => {
                    heard.problems.extend(problems);
                    return Ok(());
                }
            };
        }
        if text.asks() {
            match self.one(text, (file, own), heard).await? {
                Ok(text) => heard.answered.own = Some(Box::new(text)),
                Err(problems) => heard.problems.extend(problems),
            }
        }
        Ok(())
    }

    /// One text, rendered until nothing in it is left unanswered.
    async fn one(
        &self,
        text: &Text,
        (file, own): (&Arc<SourceFile>, Option<NodeId>),
        heard: &mut Heard,
    ) -> Result<Result<Text, Vec<Diagnostic>>, DatabaseError> {
        let Some(asking) = &text.rendered.asking else { return Ok(Ok(text.clone())) };
        let mut answers = Arc::new(Answers::new(self.does));
        let resolved = |rendered: Rendered| match own {
            None if self.does => self.manifest.inline_text(rendered, file),
            _ => self.manifest.heard(text, rendered, file, own).map_err(|problem| vec![problem]),
        };
        while answers.len() < MAX_QUESTIONS {
            let question = match asking.step(&mut answers) {
                Ok(Step::Done(rendered)) => return Ok(resolved(*rendered)),
                Ok(Step::Asks(question)) => question,
                Err(problems) => return Ok(Err(problems)),
            };
            let asked = match resolved(question.rendered()) {
                Ok(asked) => asked,
                Err(problems) => return Ok(Err(problems)),
            };
            let sql = |name: &dyn Fn(NodeId) -> Relation| {
                self.manifest.assemble_with(&asked, file, name, &self.given, &heard.answered).text
            };
            let (plain, sql) = (sql(&stand_in), sql(&self.name));
            if self.remembers && heard.restless.is_none() {
                heard.restless = self.restless(&question, &plain).await?;
            }
            let answer = match question.kind {
                QuestionKind::Known => Answer::Known(self.known(&question.marked)),
                kind => self.answer(kind, &sql).await?,
            };
            // The largest of no values is NULL.
            heard.found_nothing |=
                matches!(&answer, Answer::Rows(table) if table.rows.iter().flatten().all(Option::is_none));
            Arc::make_mut(&mut answers).insert(question, answer);
        }
        let message = format!("the template asks more than {MAX_QUESTIONS} questions");
        let problem = Diagnostic::error("template", message).at(Location::start_of(file));
        Ok(Err(vec![problem.hint("ask for all in one query, and walk over its rows")]))
    }

    /// The error is a lost server.
    async fn answer(&self, kind: QuestionKind, sql: &str) -> Result<Answer, DatabaseError> {
        match kind {
            QuestionKind::Relation => return self.relation(sql).await,
            QuestionKind::Run => return self.run().await,
            QuestionKind::Rows | QuestionKind::Known => {}
        }
        if let Some(word) = changes(sql).filter(|_| !self.does) {
            return Ok(Answer::Failed(refused(&format!("`{word}`"))));
        }
        let asked = match self.does {
            true => self.done(sql).await,
            false => self.session.typed_table(sql).await,
        };
        match asked {
            Ok((kinds, rows)) => Ok(Answer::Rows(table(&kinds, rows))),
            Err(error) if error.is_unreachable() => Err(error),
            Err(error) if error.is("25006") => Ok(Answer::Failed(refused(&error.message))),
            Err(error) => Ok(Answer::Failed(fault(&error, sql))),
        }
    }

    fn known(&self, name: &str) -> Arc<Value> {
        match name {
            "graph" => self.manifest.flat_graph().clone(),
            _ => self.known.get(name).cloned().unwrap_or_else(|| Arc::new(Value::Array(Vec::new()))),
        }
    }

    /// The run that this process is about.
    async fn run(&self) -> Result<Answer, DatabaseError> {
        let sql = format!(
            "select run.id, to_char(coalesce(run.started_at, now()) at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.USZ')
             from (select 1) as always left join lateral (
                 select id, started_at from elt.runs where status = 'running' and process_id = {}
                 order by id desc limit 1) as run on true",
            std::process::id()
        );
        let found = self.session.table(&sql).await?;
        let mut cells = found.rows.into_iter().next().unwrap_or_default().into_iter();
        let mut cell = || cells.next().flatten().unwrap_or_default();
        let (id, started) = (cell(), cell());
        Ok(Answer::Run(Run {
            id: id.parse().unwrap_or(0),
            started: started.parse().unwrap_or(jiff::Timestamp::UNIX_EPOCH),
        }))
    }

    /// What may be several statements, the last of which may give rows.
    async fn done(&self, sql: &str) -> Result<(Vec<ValueKind>, TextTable), DatabaseError> {
        let several =
            crate::manifest::skip_blank(sql, sql.find(';').map_or(sql.len(), |at| at + 1)) < sql.len();
        match several {
            true => Ok((Vec::new(), self.session.table(sql).await?)),
            false => self.session.typed_table(sql).await,
        }
    }

    /// Of a relation that there is not, nothing.
    async fn relation(&self, sql: &str) -> Result<Answer, DatabaseError> {
        let is_open = self.within || !self.does;
        if is_open {
            self.session.run("savepoint elt_question").await?;
        }
        match self.session.columns_of(sql).await {
            Ok(columns) => {
                let columns = columns.into_iter().map(|(name, data_type)| Column { name, data_type });
                Ok(Answer::Relation(Some(columns.collect())))
            }
            Err(error) if error.is_unreachable() => Err(error),
            Err(error) => {
                if is_open {
                    self.session.run("rollback to savepoint elt_question").await?;
                }
                let is_missing = error.is("42P01") || error.is("3F000");
                Ok(match is_missing {
                    true => Answer::Relation(None),
                    false => Answer::Failed(fault(&error, "")),
                })
            }
        }
    }

    async fn restless(&self, question: &Question, sql: &str) -> Result<Option<String>, DatabaseError> {
        if question.references.contains(&Reference::This) {
            return Ok(Some("asks the database about its own published relation".to_owned()));
        }
        if question.kind == QuestionKind::Run {
            return Ok(Some("writes the number or the time of its run".to_owned()));
        }
        if question.kind == QuestionKind::Known {
            // The graph is part of what tells a model from what it was.
            let of_run = question.marked != "graph";
            return Ok(of_run.then(|| format!("reads `{}`, which is of its run", question.marked)));
        }
        if question.kind == QuestionKind::Relation {
            let named = !question.references.is_empty();
            let plain = question.marked.replace('"', "");
            return Ok((!named).then(|| {
                format!("asks the database for {plain}, which is named by neither ref nor source")
            }));
        }
        let why = restless_question(self.session, sql).await?;
        Ok(why.map(|why| format!("asks the database by a query that {why}")))
    }
}

/// The first word of a statement that does not read.
pub(super) fn changes(sql: &str) -> Option<String> {
    let start = crate::manifest::skip_blank(sql, 0);
    let rest = sql[start..].trim_start_matches(|c: char| c == '(' || c.is_whitespace());
    let word: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    let word = word.to_lowercase();
    (!READING.contains(&word.as_str())).then_some(word)
}

fn refused(what: &str) -> Fault {
    let message = format!("what a model asks while it renders must read and change nothing: {what}");
    let problem = Diagnostic::error("not-a-question", message).hint(
        "a statement that changes something belongs into a hook (pre_hook, post_hook), or into a macro that `elt \
         run-operation` runs",
    );
    Fault { problem, line: None }
}

fn fault(error: &DatabaseError, sql: &str) -> Fault {
    let at = error.place.and_then(|place| crate::template::character_range(sql, place.character));
    let line = at.map(|at| {
        let start = sql[..at.start].rfind('\n').map_or(0, |end| end + 1);
        let end = sql[at.start..].find('\n').map_or(sql.len(), |end| at.start + end);
        (sql[start..end].to_owned(), at.start - start)
    });
    let problem = Diagnostic::error(failure::code(error), error.to_string()).maybe_hint(failure::hint(error));
    Fault { problem, line }
}

fn table(kinds: &[ValueKind], rows: TextTable) -> Table {
    let kind = |kind: &ValueKind| match kind {
        ValueKind::Integer => Kind::Integer,
        ValueKind::Number => Kind::Number,
        ValueKind::Boolean => Kind::Boolean,
        ValueKind::Text => Kind::Text,
    };
    let kinds = kinds.iter().map(kind).chain(std::iter::repeat(Kind::Text));
    Table { columns: rows.columns.into_iter().zip(kinds).collect(), rows: rows.rows }
}
