//! Reads a request's body within the limits of size and time.

use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Payload, RequestHead};
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use actix_web::web::{Bytes, BytesMut};
use actix_web::{HttpMessage, HttpRequest, HttpResponse};
use futures_util::{FutureExt, StreamExt};

use super::problem::Problem;
use super::routes::Call;
use super::state::State;

/// What of a refused body has not come yet.
struct Unread(Payload);

/// For who answers without having read the body, or not to its end.
pub fn leave(request: &HttpRequest, payload: Payload) {
    if !matches!(payload, Payload::None) {
        request.extensions_mut().insert(Unread(payload));
    }
}

/// The whole body, whatever its type. Errors: 413, 408, 400 for a body that breaks off.
pub async fn of(call: &mut Call) -> Result<Bytes, Problem> {
    let mut payload = std::mem::replace(&mut call.payload, Payload::None);
    let body = read(call.request.head(), &mut payload, &call.state).await;
    if body.is_err() {
        leave(&call.request, payload);
    }
    body
}

async fn read(head: &RequestHead, payload: &mut Payload, state: &State) -> Result<Bytes, Problem> {
    let announced = head.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: usize| length > state.body_limit) {
        return Err(too_large(state.body_limit));
    }
    // actix-web hands on a body only after it has asked for the answer once.
    tokio::task::yield_now().await;
    let mut reading = std::pin::pin!(collect(payload, state.body_limit));
    // Nearly every body came with its headers; only for the others is a timer set up.
    if let Some(body) = (&mut reading).now_or_never() {
        return body;
    }
    tokio::time::timeout(state.request_timeout, reading)
        .await
        .unwrap_or_else(|_| Err(Problem::from_status(StatusCode::REQUEST_TIMEOUT)))
}

/// A JSON body. Errors: 415 for any other type or an encoded body, and those of [`of`].
pub async fn read_json(head: &RequestHead, payload: &mut Payload, state: &State) -> Result<Bytes, Problem> {
    let is_json = head.headers.get(CONTENT_TYPE).is_some_and(is_json);
    let is_encoded = head
        .headers
        .get(CONTENT_ENCODING)
        .is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity"));
    if !is_json || is_encoded {
        return Err(Problem::from_status(StatusCode::UNSUPPORTED_MEDIA_TYPE).with_hint(
            "Send the header `Content-Type: application/json` and the body as it is, not compressed.",
        ));
    }
    read(head, payload, state).await
}

async fn collect(payload: &mut Payload, limit: usize) -> Result<Bytes, Problem> {
    let mut whole = Bytes::new();
    let mut grown: Option<BytesMut> = None;
    while let Some(part) = payload.next().await {
        let part = part.map_err(|error| {
            Problem::new(StatusCode::BAD_REQUEST, "broken_body", "The request's body broke off.")
                .caused_by(error.to_string())
        })?;
        if whole.len() + grown.as_ref().map_or(0, BytesMut::len) + part.len() > limit {
            return Err(too_large(limit));
        }
        // Nearly every body comes in one part, and is then not copied.
        match &mut grown {
            Some(grown) => grown.extend_from_slice(&part),
            None if whole.is_empty() => whole = part,
            None => {
                let mut both = BytesMut::from(&std::mem::take(&mut whole)[..]);
                both.extend_from_slice(&part);
                grown = Some(both);
            }
        }
    }
    Ok(grown.map_or(whole, BytesMut::freeze))
}

/// What was left of a request's body.
pub fn left(request: &HttpRequest) -> Option<Payload> {
    request.extensions_mut().remove::<Unread>().map(|unread| unread.0)
}

/// The answer to a body that was left. The server hangs up after it only if the rest still belongs to
/// somebody; else it would wait for the end of a chunked body, however long that takes.
pub fn hang_up_after(response: HttpResponse, left: Option<Payload>) -> HttpResponse {
    match left {
        Some(left) => response.map_body(|_, body| BoxBody::new(Last { body, _left: left })),
        None => response,
    }
}

struct Last {
    body: BoxBody,
    _left: Payload,
}

impl MessageBody for Last {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(context)
    }
}

fn too_large(limit: usize) -> Problem {
    Problem::from_status(StatusCode::PAYLOAD_TOO_LARGE)
        .with_details(serde_json::json!({ "limit_bytes": limit }))
}

/// `application/json`, with or without parameters, or a type built on it.
fn is_json(content_type: &HeaderValue) -> bool {
    let bytes = content_type.as_bytes();
    if bytes == b"application/json" {
        return true;
    }
    let essence = bytes.split(|byte| *byte == b';').next().unwrap_or(bytes).trim_ascii();
    let Some((kind, subtype)) = essence.split_at_checked("application/".len()) else { return false };
    kind.eq_ignore_ascii_case(b"application/")
        && (subtype.eq_ignore_ascii_case(b"json")
            || subtype.last_chunk::<5>().is_some_and(|end| end.eq_ignore_ascii_case(b"+json")))
}
