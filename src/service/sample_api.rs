//! A small API to try loads against: it answers what mobiles bought, the same for the same seed. It has no
//! database, no login and no state; it can be told to fail now and then, as others do.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use actix_web::body::MessageBody;
use actix_web::dev::{ServerHandle, ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, RETRY_AFTER};
use actix_web::middleware::{Next, from_fn};
use actix_web::{App, HttpResponse, HttpServer, web};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::ServiceError;
use super::envelope::{self, Envelope};
use super::problem::Problem;
use super::server::listen;
use crate::generate::purchases::history;

/// Mobiles that one request may ask for.
const MAX_MOBILES: usize = 1_000;
const MAX_BODY_BYTES: usize = 256 * 1024;
const PATH: &str = "/purchase-history";

/// How the API is to behave.
pub struct SampleApi {
    pub host: String,
    /// 0: any free port.
    pub port: u16,
    pub seed: u64,
    /// Of 100 requests so many are answered with 503 and `Retry-After: 1`.
    pub failing: u64,
}

/// An API that listens. Dropping it stops it.
pub struct RunningApi {
    pub addr: SocketAddr,
    handle: ServerHandle,
}

impl RunningApi {
    /// Where purchases are asked for.
    pub fn url(&self) -> String {
        format!("http://{}{PATH}", self.addr)
    }
}

impl Drop for RunningApi {
    fn drop(&mut self) {
        drop(self.handle.stop(false));
    }
}

struct State {
    seed: u64,
    failing: u64,
    asked: AtomicU64,
}

#[derive(Deserialize)]
struct Asked {
    mobiles: Vec<String>,
}

/// Binds and answers, on the runtime that this is called in.
pub async fn start_sample_api(settings: SampleApi) -> Result<RunningApi, ServiceError> {
    let listener = listen(&settings.host, settings.port).await?;
    let addr = listener.local_addr().map_err(ServiceError::Server)?;
    let SampleApi { seed, failing, .. } = settings;
    let state = web::Data::new(State { seed, failing, asked: AtomicU64::new(0) });
    let server = HttpServer::new(move || {
        App::new()
            .app_data(state.clone())
            .app_data(web::PayloadConfig::new(MAX_BODY_BYTES))
            .service(web::resource(PATH).route(web::post().to(answer)))
            .wrap(from_fn(enveloped))
    });
    let server = server.disable_signals().workers(1).listen(listener).map_err(ServiceError::Server)?.run();
    let handle = server.handle();
    tokio::spawn(server);
    Ok(RunningApi { addr, handle })
}

async fn enveloped<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse, actix_web::Error> {
    let envelope = Envelope::new(request.head());
    let (request, response) = next.call(request).await?.into_parts();
    let asked = envelope::Asked { head: request.head(), route: PATH.into(), path: request.path() };
    let response = envelope.around(response.map_into_boxed_body(), asked, None);
    Ok(ServiceResponse::new(request, response))
}

async fn answer(body: web::Bytes, state: web::Data<State>) -> Result<HttpResponse, Problem> {
    let number = state.asked.fetch_add(1, Ordering::Relaxed);
    // Spread evenly, and always the same.
    if (number + 1) * state.failing / 100 > number * state.failing / 100 {
        return Err(Problem::from_status(StatusCode::SERVICE_UNAVAILABLE)
            .with_header(RETRY_AFTER, HeaderValue::from_static("1")));
    }
    let asked: Asked = serde_json::from_slice(&body).map_err(|error| unreadable(&error.to_string()))?;
    if asked.mobiles.len() > MAX_MOBILES {
        return Err(unreadable(&format!("{} mobiles are more than {MAX_MOBILES}", asked.mobiles.len())));
    }
    let mut purchases = Vec::new();
    for mobile in &asked.mobiles {
        for purchase in history(state.seed, mobile) {
            // A number with the very digits of the file.
            let amount = purchase.amount.and_then(|amount| RawValue::from_string(amount).ok());
            purchases.push(Row { mobile, date: purchase.date, amount, store: purchase.store });
        }
    }
    Ok(HttpResponse::Ok().json(Answer { purchases }))
}

#[derive(serde::Serialize)]
struct Answer<'a> {
    purchases: Vec<Row<'a>>,
}

#[derive(serde::Serialize)]
struct Row<'a> {
    mobile: &'a str,
    date: Option<String>,
    amount: Option<Box<RawValue>>,
    store: Option<&'static str>,
}

fn unreadable(why: &str) -> Problem {
    let details: Value = json!({ "why": why });
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "bad_body", "The body is not as this path takes it.")
        .with_details(details)
        .with_hint("Send {\"mobiles\": [\"+919876543210\"]}.")
}
