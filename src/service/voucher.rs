//! POST /getVoucher/ and its twin: from a body to a voucher, without asking the database.

use actix_web::HttpResponse;
use actix_web::http::header::{CONTENT_TYPE, HeaderValue};

use super::lookup;
use super::routes::{Answer, Call};
use super::{body, facts};

pub async fn look_up(call: Call) -> Answer {
    let body = body::read_json(&call.request, call.payload, &call.state).await?;
    let facts = facts::read(&body)?;
    let snapshot = call.state.snapshot.load();
    let snapshot = snapshot.as_ref().ok_or_else(|| call.state.no_snapshot())?;
    let answer = lookup::look_up(snapshot, &facts, call.state.lookup_date.date())?;
    let json = HeaderValue::from_static("application/json");
    Ok(HttpResponse::Ok().insert_header((CONTENT_TYPE, json)).body(answer))
}
