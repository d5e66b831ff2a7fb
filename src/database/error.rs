//! A PostgreSQL failure, with what a person needs to mend it.

use std::fmt;

use crate::name::NameError;

/// What PostgreSQL, or the way to it, answered. Boxed, for it travels in many results.
#[derive(Debug, Clone)]
pub struct DatabaseError(Box<Answer>);

/// The parts of a [`DatabaseError`].
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// SQLSTATE, where the server answered at all.
    pub code: Option<String>,
    pub message: String,
    pub detail: Option<String>,
    pub hint: Option<String>,
    /// `CONTEXT` of the server, e.g. `COPY t, line 5, column c: "x"`.
    pub context: Option<String>,
    pub place: Option<Place>,
}

/// Where in the sent SQL the server found the error: characters (not bytes), counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub character: u32,
}

impl std::ops::Deref for DatabaseError {
    type Target = Answer;

    fn deref(&self) -> &Answer {
        &self.0
    }
}

impl DatabaseError {
    pub fn new(message: impl Into<String>) -> Self {
        Self(Box::new(Answer { message: message.into(), ..Answer::default() }))
    }

    /// As a server would send it.
    pub fn of_code(code: &str, message: &str) -> Self {
        let mut error = Self::new(message);
        error.0.code = Some(code.to_owned());
        error
    }

    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Where the other one was found.
    pub fn in_place_of(mut self, other: &Self) -> Self {
        self.0.place = other.place;
        self
    }

    /// Says which server could not be reached; those that answered are known.
    pub(super) fn of_server(mut self, place: &str) -> Self {
        if let Some(rest) = self.0.message.strip_prefix("error connecting to server") {
            self.0.message = format!("no connection to the server {place}{rest}");
        }
        self
    }

    pub fn is(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }

    /// The server is away or the connection broke: another try, later, may succeed.
    pub fn is_unreachable(&self) -> bool {
        match self.code.as_deref() {
            None => true,
            Some(code) => code.starts_with("08") || code.starts_with("57P"),
        }
    }
}

impl fmt::Display for DatabaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(detail) = &self.detail {
            write!(f, " ({detail})")?;
        }
        Ok(())
    }
}

impl std::error::Error for DatabaseError {}

impl From<NameError> for DatabaseError {
    fn from(error: NameError) -> Self {
        Self::new(error.to_string())
    }
}

impl From<tokio_postgres::Error> for DatabaseError {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(server) = error.as_db_error() else {
            return Self::new(chain(&error));
        };
        let place = match server.position() {
            Some(tokio_postgres::error::ErrorPosition::Original(character)) => {
                Some(Place { character: *character })
            }
            _ => None,
        };
        Self(Box::new(Answer {
            code: Some(server.code().code().to_owned()),
            message: server.message().to_owned(),
            detail: server.detail().map(str::to_owned),
            hint: server.hint().map(str::to_owned),
            context: server.where_().map(str::to_owned),
            place,
        }))
    }
}

/// The error and its causes as one sentence; tokio-postgres itself says only "error connecting to server".
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    text
}
