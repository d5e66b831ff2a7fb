//! POST /getVoucher/ and its twin: from a body to a voucher, without asking the database.

use actix_web::HttpResponse;
use actix_web::dev::{Payload, RequestHead};
use actix_web::http::header::{CONTENT_TYPE, HeaderValue};

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
    let answer = answer(call.request.head(), &mut call.payload, &call.state).await;
    if answer.is_err() {
        body::leave(&call.request, call.payload);
    }
    answer
}

pub async fn answer(head: &RequestHead, payload: &mut Payload, state: &State) -> Answer {
    let body = body::read_json(head, payload, state).await?;
    let facts = facts::read(&body)?;
    let snapshot = state.snapshot.load();
    let snapshot = snapshot.as_ref().ok_or_else(|| state.no_snapshot())?;
    let answer = lookup::look_up(snapshot, &facts, state.lookup_date.date())?;
    let json = HeaderValue::from_static("application/json");
    Ok(HttpResponse::Ok().insert_header((CONTENT_TYPE, json)).body(answer))
}
