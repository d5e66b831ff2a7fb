//! What every answer has around it, whatever made it: a request id, the security headers, the one error
//! form, a line in the access log.

use std::time::Instant;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use actix_web::middleware::Next;
use actix_web::web::Data;

use super::problem::Problem;
use super::state::State;
use super::{body, pages};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const LONGEST_REQUEST_ID: usize = 64;

pub async fn envelope<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let began = Instant::now();
    let id_header = request_id(request.headers());
    let shown = id_header.clone();
    let id = shown.to_str().unwrap_or_default();
    let mut response = next.call(request).await?.map_into_boxed_body();
    let is_error = response.status().is_client_error() || response.status().is_server_error();
    if is_error && !pages::is_page(response.response()) {
        let written = one_form(&response, id);
        response = response.into_response(written);
    }
    response = body::hang_up_after(response);
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, id_header);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Some(state) = response.request().app_data::<Data<State>>() {
        state.metrics.count(&response, began.elapsed());
    }
    let request = response.request();
    // Without the query: it may hold what is nobody's business.
    tracing::info!(
        target: "elt::access",
        request_id = id,
        method = %request.method(),
        path = request.path(),
        status = response.status().as_u16(),
        duration_us = began.elapsed().as_micros() as u64,
        "answered"
    );
    Ok(response)
}

fn one_form(response: &ServiceResponse, request_id: &str) -> actix_web::HttpResponse {
    let error = response.response().error();
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
    pages::error(response.request(), problem, request_id).unwrap_or_else(|| problem.write(request_id))
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
