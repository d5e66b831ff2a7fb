//! What templates ask of the database while they render. A render opens no socket: where it comes to a question
//! that was not answered yet it stops, and whoever has a session answers and renders again.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use super::faults::Placing;
use super::subject::Whose;
use super::{Library, Reference, Rendered, Scope, marks};
use crate::diagnostic::Diagnostic;

/// What is asked, in a text whose stand-ins count the references beside it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Question {
    pub kind: QuestionKind,
    pub marked: String,
    pub references: Vec<Reference>,
    /// How often the same was asked before, where asking may change something.
    pub times: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum QuestionKind {
    /// The rows that an SQL text gives.
    Rows,
    /// The columns of the relation that a text names, if there is one.
    Relation,
    /// Which run it is that builds, and when it began.
    Run,
    /// What is known of the project or of the run under a name: `graph`, `results`.
    Known,
}

#[derive(Debug, Clone)]
pub enum Answer {
    Rows(Table),
    Relation(Option<Vec<Column>>),
    Run(Run),
    Known(Arc<Value>),
    Failed(Fault),
}

/// A run of elt, as the table `elt.runs` counts it.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    /// 0 where nothing is built.
    pub id: i64,
    pub started: jiff::Timestamp,
}

/// Rows as PostgreSQL writes them; `None` is NULL.
#[derive(Debug, Clone, Default)]
pub struct Table {
    pub columns: Vec<(String, Kind)>,
    pub rows: Vec<Vec<Option<String>>>,
}

/// What the texts of a column are to a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Integer,
    Number,
    Boolean,
    Text,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    /// With its length or precision: `character varying(20)`.
    pub data_type: String,
}

/// Why a question has no answer.
#[derive(Debug, Clone)]
pub struct Fault {
    /// Without a place: that is where the question stands.
    pub problem: Diagnostic,
    /// The line of the asked SQL that is wrong, and the byte of it.
    pub line: Option<(String, usize)>,
}

/// The answers that a render may use.
#[derive(Debug, Clone, Default)]
pub struct Answers {
    known: HashMap<Question, Answer>,
    /// Each mention of a question is asked anew, for it may change something.
    pub(super) each_time: bool,
    /// How many messages of `log` and `print` earlier renders of the text have told.
    told: usize,
}

impl Answers {
    pub fn new(each_time: bool) -> Self {
        Self { each_time, ..Self::default() }
    }

    pub fn insert(&mut self, question: Question, answer: Answer) {
        self.known.insert(question, answer);
    }

    pub fn get(&self, question: &Question) -> Option<&Answer> {
        self.known.get(question)
    }

    pub fn len(&self) -> usize {
        self.known.len()
    }

    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }
}

/// How far a render came with the answers that there are.
pub enum Step {
    Done(Box<Rendered>),
    Asks(Question),
}

/// A template that reads `execute` or asks something, ready to be rendered again.
#[derive(Clone)]
pub struct Asking(Arc<Again>);

pub(super) struct Again {
    pub library: Arc<Library>,
    pub scope: Arc<Scope>,
    pub name: String,
    /// As it was prepared.
    pub text: String,
    pub variables: BTreeMap<String, minijinja::Value>,
    pub subject: Whose,
    pub placing: Placing,
}

impl fmt::Debug for Asking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Asking").field(&self.0.name).finish()
    }
}

impl Asking {
    pub(super) fn new(again: Again) -> Self {
        Self(Arc::new(again))
    }

    /// The template, prepared.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// Changes when anything does that it may write, also what stands where nothing was rendered yet: its text,
    /// the macros that it calls, and the variables that these name. It may hold secrets.
    pub fn identity(&self) -> String {
        let Again { library, scope, text, placing, .. } = &*self.0;
        let mut identity = text.clone();
        if let Placing::In(file, _) = placing {
            identity.push_str(&library.reached_from(file));
        }
        let vars = scope.vars.iter().map(|(name, value)| (name, value.to_string()));
        let env = scope.env.iter().map(|(name, value)| (name, value.clone()));
        let named: Vec<String> = vars
            .chain(env)
            .filter(|(name, _)| identity.contains(name.as_str()))
            .map(|(name, value)| format!("\n{name}={value}"))
            .collect();
        identity + &named.concat()
    }

    /// Renders with what is known by now. `execute` is true.
    pub fn step(&self, answers: &mut Arc<Answers>) -> Result<Step, Vec<Diagnostic>> {
        let Again { library, scope, name, text, variables, subject, placing } = &*self.0;
        let moment = super::state::Moment::Work(answers.clone());
        let ended = library.render_at(&moment, scope, (name, text), variables, subject.subject());
        drop(moment);
        ended.tell(answers.told);
        Arc::make_mut(answers).told = answers.told.max(ended.messages.len());
        match (ended.unanswered, ended.text) {
            (Some(question), _) => Ok(Step::Asks(question)),
            (None, Ok(marked)) => Ok(Step::Done(Box::new(Rendered { marked, ..ended.out }))),
            (None, Err(error)) => {
                let mut problem = placing.diagnose(library, &error);
                if let Some(fault) = ended.failed {
                    fault.place(&mut problem);
                }
                Err(vec![problem])
            }
        }
    }
}

impl Question {
    /// Its SQL, as what a render has come to.
    pub fn rendered(&self) -> Rendered {
        let marked = match self.kind {
            QuestionKind::Rows | QuestionKind::Run | QuestionKind::Known => self.marked.clone(),
            QuestionKind::Relation => format!("select * from {}", self.marked),
        };
        Rendered { marked, references: self.references.clone(), ..Rendered::default() }
    }

    /// `text` names relations by the stand-ins of a render, which `references` are.
    pub(super) fn new(kind: QuestionKind, text: &str, references: &[Reference]) -> Self {
        let mut question =
            Self { kind, marked: String::with_capacity(text.len()), references: Vec::new(), times: 0 };
        for letter in text.chars() {
            let Some(reference) = marks::index_of(letter).and_then(|index| references.get(index)) else {
                question.marked.push(letter);
                continue;
            };
            let known = question.references.iter().position(|known| known == reference);
            let index = known.unwrap_or_else(|| {
                question.references.push(reference.clone());
                question.references.len() - 1
            });
            question.marked.push(marks::reference(index));
        }
        question
    }
}

impl Fault {
    /// The place of the call is known: closer is the wrong word of the SQL, where the file holds its line.
    fn place(&self, problem: &mut Diagnostic) {
        problem.code = self.problem.code;
        let (Some((line, at)), Some(place)) = (&self.line, &mut problem.location) else { return };
        let text = &place.file.text;
        let trimmed = line.trim();
        let mut found = text.match_indices(trimmed);
        if trimmed.is_empty() || place.file.path.starts_with('(') {
            return;
        }
        if let (Some((start, _)), None) = (found.next(), found.next()) {
            let within = at.saturating_sub(line.len() - line.trim_start().len());
            let start = start + within.min(trimmed.len());
            let word = text[start..].find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(0);
            let length = if word > 0 { word } else { text[start..].chars().next().map_or(0, char::len_utf8) };
            place.span = start..start + length;
        }
    }
}
