//! What every answer has around it, whatever made it: a request id, the security headers, the one error
//! form, a line in the access log.

use std::borrow::Cow;
use std::time::Instant;

use actix_web::HttpResponse;
use actix_web::dev::RequestHead;
use actix_web::http::Method;
use actix_web::http::header::{
    CONTENT_SECURITY_POLICY, HeaderMap, HeaderName, HeaderValue, REFERRER_POLICY, VARY,
    X_CONTENT_TYPE_OPTIONS,
};

use super::access_log::Answered;
use super::clock::time_of;
use super::door::Door;
use super::pages;
use super::problem::Problem;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const LONGEST_REQUEST_ID: usize = 64;

/// Of what is no page: it loads nothing, and stands in nobody's frame.
const NOT_A_PAGE: &str = "default-src 'none'; frame-ancestors 'none'";

/// Made when a request comes.
pub struct Envelope {
    pub began: Instant,
    id: HeaderValue,
}

/// What a request asked for.
pub struct Asked<'a> {
    pub head: &'a RequestHead,
    /// As it is counted.
    pub route: Cow<'static, str>,
    /// As it is logged: without the query and without what stands in an endpoint's path, which is nobody's
    /// business.
    pub path: &'a str,
}

impl Envelope {
    pub fn new(head: &RequestHead) -> Self {
        Self { began: Instant::now(), id: request_id(&head.headers) }
    }

    /// `door`: by which the request came, where it did.
    pub fn around(self, mut response: HttpResponse, asked: Asked<'_>, door: Option<&Door>) -> HttpResponse {
        let Asked { head, route, path } = asked;
        let id = self.id.to_str().unwrap_or_default();
        let status = response.status();
        if (status.is_client_error() || status.is_server_error()) && !pages::is_page(&response) {
            let written = one_form(&response, head, id, door);
            // What was said of other sites holds for the error, too: else their pages could not read it.
            let said = response.headers().iter().filter(|(name, _)| is_for_others(name));
            let said: Vec<_> = said.map(|(name, value)| (name.clone(), value.clone())).collect();
            response = written;
            for (name, value) in said {
                response.headers_mut().append(name, value);
            }
        }
        let headers = response.headers_mut();
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        // What a browser can be led to.
        if head.method != Method::POST && !headers.contains_key(CONTENT_SECURITY_POLICY) {
            headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(NOT_A_PAGE));
            headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        }
        let ended = Instant::now();
        let took = ended.saturating_duration_since(self.began);
        let answered = Answered {
            at: time_of(ended),
            request_id: id,
            trace_id: trace_id(&head.headers),
            method: head.method.as_str(),
            path,
            status: status.as_u16(),
            took,
        };
        match door {
            Some(door) => {
                door.counts.count(&head.method, route, status, took);
                door.state.access_log.answered(&answered);
            }
            None => answered.as_event(),
        }
        response.headers_mut().insert(REQUEST_ID, self.id);
        response
    }
}

fn is_for_others(name: &HeaderName) -> bool {
    name == VARY || name.as_str().starts_with("access-control-")
}

/// The caller's trace, where the request is part of one: 32 hex digits of W3C's `traceparent`.
fn trace_id(headers: &HeaderMap) -> Option<&str> {
    let (version, rest) = headers.get(TRACEPARENT)?.to_str().ok()?.split_once('-')?;
    let (trace, rest) = rest.split_once('-')?;
    let is_hex = |text: &str, length| {
        text.len() == length
            && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    };
    let is_whole = is_hex(version, 2) && is_hex(trace, 32) && is_hex(rest.split('-').next()?, 16);
    (is_whole && trace.bytes().any(|digit| digit != b'0')).then_some(trace)
}

fn one_form(
    response: &HttpResponse,
    head: &RequestHead,
    request_id: &str,
    door: Option<&Door>,
) -> HttpResponse {
    let error = response.error();
    let problem = error.and_then(|error| error.as_error::<Problem>());
    // Not one of the service's own: from the framework, whose words are not for the client.
    let framework = || {
        let problem = Problem::from_status(response.status());
        match error {
            Some(error) => problem.caused_by(error.to_string()),
            None => problem,
        }
    };
    let own;
    let problem = match problem {
        Some(problem) => problem,
        None => {
            own = framework();
            &own
        }
    };
    if let Some(cause) = problem.cause() {
        if problem.status().is_server_error() {
            tracing::error!(request_id, cause, "{problem}");
        } else {
            tracing::debug!(request_id, cause, "{problem}");
        }
    }
    door.and_then(|door| pages::error(head, problem, request_id, &door.state))
        .unwrap_or_else(|| problem.write(request_id))
}

/// The client's own id where it is harmless in a header and in a log, else a new one of 16 hex digits.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    let harmless = |header: &&HeaderValue| {
        (1..=LONGEST_REQUEST_ID).contains(&header.len())
            && header.as_bytes().iter().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(byte))
    };
    match headers.get(REQUEST_ID).filter(harmless) {
        Some(header) => header.clone(),
        None => {
            let mut digits = [0; 16];
            let number = rand::random::<u64>();
            for (place, digit) in digits.iter_mut().enumerate() {
                *digit = b"0123456789abcdef"[(number >> (4 * place) & 0xf) as usize];
            }
            HeaderValue::from_bytes(&digits).expect("hex digits are allowed in a header")
        }
    }
}
