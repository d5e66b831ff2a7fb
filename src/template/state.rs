//! The state of the render under way: what it knows and notes lies in a thread-local around it, where functions and
//! values that write themselves find it; a render never awaits.

use std::cell::RefCell;
use std::collections::HashMap;
use std::error::Error as _;
use std::sync::Arc;

use minijinja::{Error, ErrorKind, Value};

use super::macros::Macros;
use super::questions::{Answer, Answers, Fault, Question, QuestionKind, Run};
use super::subject::Whose;
use super::{Reference, Rendered, Scope, Subject, marks};

/// What to do about an error, told beside it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Hint(pub String);

/// What `return(…)` gives, on its way to who called the macro.
#[derive(Debug, thiserror::Error)]
#[error("a value is returned")]
pub(super) struct Returned(Value);

impl Returned {
    pub fn error(value: Value) -> Error {
        Error::new(ErrorKind::InvalidOperation, "a value is returned").with_source(Self(value))
    }
}

/// The value that an error carries, if it is no error at all.
pub(super) fn returned(error: Error) -> Result<Value, Error> {
    let value =
        error.source().and_then(|source| source.downcast_ref::<Returned>()).map(|found| found.0.clone());
    value.ok_or(error)
}

/// When a text is rendered.
#[derive(Clone)]
pub(super) enum Moment {
    /// The project is read: `execute` is false, and nothing is answered.
    Parse,
    /// What the text writes is about to be run: `execute` is true.
    Work(Arc<Answers>),
}

pub(super) struct Render {
    pub scope: Arc<Scope>,
    pub macros: Arc<Macros>,
    /// What loads a macro into this render, and those that are.
    pub loader: Option<Value>,
    pub loaded: HashMap<String, Value>,
    /// Of the text that is rendered.
    pub path: String,
    pub subject: Whose,
    pub out: Rendered,
    moment: Moment,
    /// Whether it may come out otherwise at work: it read `execute`, or asked something.
    asks: bool,
    unanswered: Option<Question>,
    failed: Option<Fault>,
    /// Of statements, by name.
    results: HashMap<String, Value>,
    /// What was asked of the project and of the run, by name.
    pub known: HashMap<String, Value>,
    asked: HashMap<Question, usize>,
    messages: Vec<Message>,
}

/// Of `log` and `print`.
pub(super) struct Message {
    pub text: String,
    /// For people, not for the log alone.
    pub told: bool,
}

/// What came of a render.
pub(super) struct Ended<T = String> {
    pub text: Result<T, Error>,
    pub out: Rendered,
    pub asks: bool,
    pub unanswered: Option<Question>,
    pub failed: Option<Fault>,
    pub messages: Vec<Message>,
}

thread_local! {
    static RENDER: RefCell<Option<Render>> = const { RefCell::new(None) };
}

/// Renders with the functions knowing whose render it is; what they noted comes back with the text.
pub(super) fn with_state<T>(
    scope: &Arc<Scope>,
    macros: &Arc<Macros>,
    moment: &Moment,
    (path, subject): (&str, Subject<'_>),
    render: impl FnOnce() -> Result<T, Error>,
) -> Ended<T> {
    let state = Render {
        scope: scope.clone(),
        macros: macros.clone(),
        loader: None,
        loaded: HashMap::new(),
        path: path.to_owned(),
        subject: subject.into(),
        out: Rendered::default(),
        moment: moment.clone(),
        asks: false,
        unanswered: None,
        failed: None,
        results: HashMap::new(),
        known: HashMap::new(),
        asked: HashMap::new(),
        messages: Vec::new(),
    };
    RENDER.with_borrow_mut(|current| *current = Some(state));
    let text = render();
    let state = RENDER.with_borrow_mut(Option::take).expect("set just above, and renders do not nest");
    let Render { out, asks, unanswered, failed, messages, .. } = state;
    Ended { text, out, asks, unanswered, failed, messages }
}

impl<T> Ended<T> {
    /// Tells what earlier renders of the same text have not told.
    pub fn tell(&self, told: usize) {
        for message in self.messages.iter().skip(told) {
            match message.told {
                true => tracing::info!("{}", message.text),
                false => tracing::debug!("{}", message.text),
            }
        }
    }
}

pub(super) fn with_render<T>(with: impl FnOnce(&mut Render) -> T) -> T {
    RENDER.with_borrow_mut(|render| with(render.as_mut().expect("functions run only inside a render")))
}

fn fault(message: String, hint: &str) -> Error {
    Error::new(ErrorKind::InvalidOperation, message).with_source(Hint(hint.to_owned()))
}

pub(super) fn fail<T>(message: String, hint: &str) -> Result<T, Error> {
    Err(fault(message, hint))
}

/// A value that is told to be wrong as soon as it is used.
pub(super) fn faulty(message: String, hint: &str) -> Value {
    Value::from(fault(message, hint))
}

pub(super) fn message(text: String, told: bool) {
    with_render(|render| render.messages.push(Message { text, told }));
}

/// What `execute` is.
pub(super) fn execute() -> bool {
    with_render(|render| {
        render.asks = true;
        matches!(render.moment, Moment::Work(_))
    })
}

/// Whether there are no answers yet, and values are empty that will not be.
pub(super) fn is_guessing() -> bool {
    with_render(|render| render.asks && matches!(render.moment, Moment::Parse))
}

/// The answer to a question; nothing where it is not the time to ask. A question without an answer ends the
/// render, so that nothing is done with a value that is none.
pub(super) fn ask(kind: QuestionKind, text: &str) -> Result<Option<Answer>, Error> {
    let found = with_render(|render| {
        render.asks = true;
        let Moment::Work(answers) = &render.moment else { return Ok(None) };
        let mut question = Question::new(kind, text, &render.out.references);
        if answers.each_time {
            let times = render.asked.entry(question.clone()).or_default();
            question.times = *times;
            *times += 1;
        }
        match answers.get(&question) {
            Some(answer) => Ok(Some(answer.clone())),
            None => {
                render.unanswered = Some(question);
                Err(())
            }
        }
    });
    match found {
        Ok(Some(Answer::Failed(fault))) => {
            let (message, hint) = (fault.problem.message.clone(), fault.problem.hint.clone());
            with_render(|render| render.failed = Some(fault));
            match hint {
                Some(hint) => fail(message, &hint),
                None => Err(Error::new(ErrorKind::InvalidOperation, message)),
            }
        }
        Ok(answer) => Ok(answer),
        Err(()) => Err(Error::new(ErrorKind::InvalidOperation, "this is not answered yet")),
    }
}

/// The run that builds what is rendered; while the project is read none is under way.
pub(super) fn run() -> Result<Run, Error> {
    Ok(match ask(QuestionKind::Run, "")? {
        Some(Answer::Run(run)) => run,
        _ => Run { id: 0, started: jiff::Timestamp::UNIX_EPOCH },
    })
}

/// Keeps what a statement gave under its name.
pub(super) fn remember_result(name: String, value: Value) {
    with_render(|render| render.results.insert(name, value));
}

pub(super) fn result_of(name: &str) -> Option<Value> {
    with_render(|render| render.results.get(name).cloned())
}

/// A relation by the parts of its name. Where they are those of one that `ref` or `source` names, it is that one.
pub(super) fn relation_of(schema: &str, name: &str) -> String {
    match (marks::part_of(schema), marks::part_of(name)) {
        (Some((of_schema, marks::SCHEMA)), Some((of_name, marks::NAME))) if of_schema == of_name => {
            of_schema.to_string()
        }
        _ => format!("{}.{}", quoted(schema), quoted(name)),
    }
}

/// A name in double quotes; the part of a relation that is not known yet is put in as it is.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// What a name in a template stands for, if it is a stand-in alone.
pub(super) fn reference_of(text: &str) -> Option<Reference> {
    let mut letters = text.chars();
    let index = letters.next().filter(|_| letters.next().is_none()).and_then(marks::index_of)?;
    with_render(|render| render.out.references.get(index).cloned())
}
