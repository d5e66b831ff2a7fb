//! POST /getVoucher/ and its twin: from a body to a voucher, without asking the database.

use std::time::Instant;

use actix_web::HttpResponse;
use actix_web::dev::{Payload, RequestHead};
use actix_web::http::header::{CONTENT_TYPE, HeaderValue};

use super::clock::time_of;
use super::lookup;
use super::routes::{Answer, Call};
use super::state::State;
use super::{body, facts};

pub const PATHS: [&str; 2] = ["/getVoucher", "/segmentation-voucher"];

/// A look-up's path, as it is routed.
pub fn path(path: &str) -> Option<&'static str> {
    match path {
        "/getVoucher/" => Some("/getVoucher/"),
        "/getVoucher" => Some("/getVoucher"),
        "/segmentation-voucher/" => Some("/segmentation-voucher/"),
        "/segmentation-voucher" => Some("/segmentation-voucher"),
        _ => None,
    }
}

/// For who comes by the routes.
pub async fn look_up(mut call: Call) -> Answer {
    let answer = answer(call.request.head(), &mut call.payload, &call.state, Instant::now()).await;
    if answer.is_err() {
        body::leave(&call.request, call.payload);
    }
    answer
}

/// `began`: when the request came, and so which day is today.
pub async fn answer(head: &RequestHead, payload: &mut Payload, state: &State, began: Instant) -> Answer {
    let body = body::read_json(head, payload, state).await?;
    let facts = facts::read(&body)?;
    let snapshot = state.snapshot.load();
    let snapshot = snapshot.as_ref().ok_or_else(|| state.no_snapshot())?;
    let answer = state.lookup_date.with(time_of(began), |today| lookup::look_up(snapshot, &facts, today))?;
    let json = HeaderValue::from_static("application/json");
    Ok(HttpResponse::Ok().insert_header((CONTENT_TYPE, json)).body(answer))
}
