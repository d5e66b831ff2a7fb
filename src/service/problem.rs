//! The one form that every error has on the wire. What broke inside is kept beside it as `cause`: that
//! goes to the log and never to the client.

use std::borrow::Cow;
use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{HttpResponse, HttpResponseBuilder};
use serde::Serialize;
use serde_json::Value;

type Text = Cow<'static, str>;

/// An answer that is an error. Handlers return it; the envelope writes it, because it knows the request's id.
pub struct Problem(Box<Parts>);

struct Parts {
    status: StatusCode,
    code: &'static str,
    message: Text,
    details: Option<Value>,
    hint: Option<Text>,
    headers: Vec<(HeaderName, HeaderValue)>,
    cause: Option<String>,
}

/// One thing that is wrong with a request.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct FieldProblem {
    /// The field of the body, or the parameter.
    #[schema(value_type = String, example = "total_orders")]
    pub field: Text,
    /// What is wrong with it.
    #[schema(value_type = String, example = "is a string")]
    pub problem: Text,
    /// What it accepts.
    #[schema(value_type = String, example = "a whole number from 0 to 2147483647")]
    pub accepts: Text,
}

/// Every error, on every path.
#[derive(Serialize, utoipa::ToSchema)]
pub struct ErrorBody<'a> {
    /// What happened, in words for programs; stable.
    #[schema(example = "no_segment")]
    code: &'a str,
    /// What happened, in a sentence for people.
    message: &'a str,
    /// Facts that belong to the code, e.g. `fields` with all that is wrong with a body.
    #[schema(value_type = Option<Object>)]
    details: Option<&'a Value>,
    /// What to do about it.
    hint: Option<&'a str>,
    /// Also in the header X-Request-Id and in the service's log.
    request_id: &'a str,
}

impl Problem {
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<Text>) -> Self {
        Self(Box::new(Parts {
            status,
            code,
            message: message.into(),
            details: None,
            hint: None,
            headers: Vec::new(),
            cause: None,
        }))
    }

    /// A bare 500: the client learns nothing but that it happened.
    pub fn internal(cause: impl Into<String>) -> Self {
        Self::from_status(StatusCode::INTERNAL_SERVER_ERROR).caused_by(cause)
    }

    /// For an error that carries nothing but its status.
    pub fn from_status(status: StatusCode) -> Self {
        let (code, message) = match status {
            StatusCode::NOT_FOUND => ("unknown_path", "There is nothing at this path."),
            StatusCode::METHOD_NOT_ALLOWED => ("method_not_allowed", "This path does not take this method."),
            StatusCode::REQUEST_TIMEOUT => ("request_timeout", "The request's body did not arrive in time."),
            StatusCode::PAYLOAD_TOO_LARGE => ("body_too_large", "The request's body is too large."),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => {
                ("unsupported_media_type", "The request's body is of a type that this path does not read.")
            }
            _ if status.is_client_error() => ("bad_request", "The request cannot be understood."),
            StatusCode::SERVICE_UNAVAILABLE => ("not_ready", "The service is not ready to answer this."),
            _ => ("internal", "Something broke inside the service."),
        };
        Self::new(status, code, message)
    }

    pub fn with_details(mut self, details: Value) -> Self {
        self.0.details = Some(details);
        self
    }

    pub fn with_fields(self, fields: &[FieldProblem]) -> Self {
        self.with_details(serde_json::json!({ "fields": fields }))
    }

    pub fn with_hint(mut self, hint: impl Into<Text>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    /// For the log only.
    pub fn caused_by(mut self, cause: impl Into<String>) -> Self {
        self.0.cause = Some(cause.into());
        self
    }

    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// What broke inside, for the log.
    pub fn cause(&self) -> Option<&str> {
        self.0.cause.as_deref()
    }

    pub fn code(&self) -> &'static str {
        self.0.code
    }

    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    pub fn details(&self) -> Option<&Value> {
        self.0.details.as_ref()
    }

    /// The answer's status and headers.
    pub fn answer(&self) -> HttpResponseBuilder {
        let mut response = HttpResponse::build(self.0.status);
        for header in &self.0.headers {
            response.insert_header(header.clone());
        }
        response
    }

    /// The whole answer.
    pub fn write(&self, request_id: &str) -> HttpResponse {
        self.answer().json(ErrorBody {
            code: self.0.code,
            message: &self.0.message,
            details: self.0.details.as_ref(),
            hint: self.0.hint.as_deref(),
            request_id,
        })
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {} (cause: {:?})", self.0.status, self.0.code, self.0.message, self.0.cause)
    }
}

impl actix_web::ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.0.status
    }

    /// Without a body: the envelope writes that, and actix's own would be this type's `Display`.
    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.0.status)
    }
}
