//! The state of the render under way. A component of tera sees no context, so what a render knows and notes lies
//! in a thread-local around it; a render never awaits.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use tera::{TeraResult, Value};

use super::questions::{Answer, Answers, Fault, Question, QuestionKind};
use super::{Reference, Rendered, Scope, Subject, marks};

/// Divides message from hint in an error that passes through tera.
pub(super) const HINT: char = '\u{1f}';

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
    pub name: String,
    pub schema: String,
    pub incremental: bool,
    /// What the macro under way has returned: whatever it still does is without effect.
    pub returned: Option<Value>,
    pub out: Rendered,
    moment: Moment,
    /// Whether it may come out otherwise at work: it read `execute`, or asked something.
    asks: bool,
    unanswered: Option<Question>,
    failed: Option<Fault>,
    /// Of statements, by name.
    results: HashMap<String, Value>,
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
pub(super) struct Ended {
    pub text: TeraResult<String>,
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
pub(super) fn with_state(
    scope: &Arc<Scope>,
    moment: &Moment,
    subject: Subject<'_>,
    render: impl FnOnce() -> TeraResult<String>,
) -> Ended {
    let state = Render {
        scope: scope.clone(),
        name: subject.name.to_owned(),
        schema: subject.schema.to_owned(),
        incremental: subject.incremental,
        returned: None,
        out: Rendered::default(),
        moment: moment.clone(),
        asks: false,
        unanswered: None,
        failed: None,
        results: HashMap::new(),
        asked: HashMap::new(),
        messages: Vec::new(),
    };
    RENDER.with_borrow_mut(|current| *current = Some(state));
    let mut text = render();
    let state = RENDER.with_borrow_mut(Option::take).expect("set just above, and renders do not nest");
    if text.is_ok() && state.returned.is_some() {
        let message = "what `return(…)` gives is lost here".to_owned();
        text = fail(message, "call it outside of `{% set %}…{% endset %}` and filter blocks");
    }
    let Render { out, asks, unanswered, failed, messages, .. } = state;
    Ended { text, out, asks, unanswered, failed, messages }
}

impl Ended {
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

/// Whether what is called now stands behind a `return(…)`: there it does nothing.
pub(super) fn has_returned() -> bool {
    with_render(|render| render.returned.is_some())
}

pub(super) fn fail<T>(message: String, hint: &str) -> TeraResult<T> {
    Err(tera::Error::message(format!("{message}{HINT}{hint}")))
}

pub(super) fn message(text: String, told: bool) {
    if !has_returned() {
        with_render(|render| render.messages.push(Message { text, told }));
    }
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
pub(super) fn ask(kind: QuestionKind, text: &str) -> TeraResult<Option<Answer>> {
    if has_returned() {
        return Ok(None);
    }
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
                None => Err(tera::Error::message(message)),
            }
        }
        Ok(answer) => Ok(answer),
        Err(()) => Err(tera::Error::message("this is not answered yet")),
    }
}

/// Keeps what a statement gave under its name.
pub(super) fn remember_result(name: String, value: Value) {
    if !has_returned() {
        with_render(|render| render.results.insert(name, value));
    }
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
