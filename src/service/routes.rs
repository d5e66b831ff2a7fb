//! All paths in one table. Each is served with and without the trailing slash; a method that a path does
//! not take is answered with 405 and those that it takes.

use std::future::{Future, Ready, ready};
use std::panic::AssertUnwindSafe;

use actix_web::dev::Payload;
use actix_web::http::header::{ALLOW, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{FromRequest, HttpRequest, HttpResponse, guard};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

use super::gate::Need;
use super::problem::Problem;
use super::state::State;
use super::{body, docs, events, exposed, health, metrics, pages, runs, voucher};

pub type Answer = Result<HttpResponse, Problem>;

/// The body is not read unless the handler does.
pub struct Call {
    pub request: HttpRequest,
    pub payload: Payload,
    pub state: Data<State>,
}

impl FromRequest for Call {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        let state = request.app_data::<Data<State>>().cloned();
        let state = state.ok_or_else(|| Problem::internal("the service has no state".to_owned()));
        ready(state.map(|state| Self { request, payload, state }))
    }
}

pub fn routes(config: &mut ServiceConfig) {
    for path in voucher::PATHS {
        post(config, Need::Read, path, voucher::look_up);
    }
    post(config, Need::Run, "/runPipeline", runs::start);
    get(config, Need::Read, "/runs", runs::list);
    get(config, Need::Read, "/runs/{id}", runs::one);
    get(config, Need::Read, "/runs/{id}/events", events::follow);
    get(config, Need::Nothing, "/healthz", health::lives);
    get(config, Need::Nothing, "/readyz", health::ready);
    get(config, Need::Read, "/metrics", metrics::show);
    get(config, Need::Read, "/openapi.json", docs::openapi);
    get(config, Need::Read, "/docs", docs::page);
    // Not by `get`: the page's files have no twin with a slash.
    config.service(
        web::resource("/docs/{file}")
            .route(reading().to(gated(Need::Read, docs::file)))
            .default_service(web::to(wrong_method("GET, HEAD"))),
    );
    get(config, Need::Read, "/boards", pages::board::list);
    get(config, Need::Read, "/boards/{board}", pages::board::show);
    get(config, Need::Read, "/ui/vouchers", pages::vouchers::show);
    form(config, Need::Read, "/ui/runs", pages::runs::list, pages::runs::start);
    get(config, Need::Read, "/ui/runs/{id}", pages::runs::one);
    get(config, Need::Read, "/ui/data", pages::data::list);
    get(config, Need::Read, "/ui/data/{table}", pages::data::one);
    get(config, Need::Read, "/ui/docs", pages::docs::list);
    get(config, Need::Read, "/ui/docs/project", pages::docs::project);
    get(config, Need::Nothing, "/assets/{file}", pages::file);
    get(config, Need::Read, "/", health::welcome);
}

/// A path that is not one of the service's own: what is published says whether something is there.
pub fn elsewhere() -> actix_web::Route {
    web::to(gated(Need::Read, exposed::answer))
}

pub fn nothing_here() -> Answer {
    Err(Problem::from_status(StatusCode::NOT_FOUND).with_hint("All paths are described at /docs."))
}

fn get<F, Fut>(config: &mut ServiceConfig, need: Need, path: &str, handler: F)
where
    F: Fn(Call) -> Fut + Copy + 'static,
    Fut: Future<Output = Answer> + 'static,
{
    for path in spellings(path) {
        config.service(
            web::resource(path)
                .route(reading().to(gated(need, handler)))
                .default_service(web::to(wrong_method("GET, HEAD"))),
        );
    }
}

fn post<F, Fut>(config: &mut ServiceConfig, need: Need, path: &str, handler: F)
where
    F: Fn(Call) -> Fut + Copy + 'static,
    Fut: Future<Output = Answer> + 'static,
{
    for path in spellings(path) {
        config.service(
            web::resource(path)
                .route(web::post().to(gated(need, handler)))
                .default_service(web::to(wrong_method("POST"))),
        );
    }
}

/// A page, and the form on it that is sent to its own path. What the form needs beyond the page its handler asks.
fn form<F, G, Page, Sent>(config: &mut ServiceConfig, need: Need, path: &str, page: F, sent: G)
where
    F: Fn(Call) -> Page + Copy + 'static,
    G: Fn(Call) -> Sent + Copy + 'static,
    Page: Future<Output = Answer> + 'static,
    Sent: Future<Output = Answer> + 'static,
{
    for path in spellings(path) {
        config.service(
            web::resource(path)
                .route(reading().to(gated(need, page)))
                .route(web::post().to(gated(need, sent)))
                .default_service(web::to(wrong_method("GET, HEAD, POST"))),
        );
    }
}

fn reading() -> actix_web::Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

/// As resources of their own: one resource of two patterns is matched by a regular expression at every
/// request, which took a tenth of a lookup's time.
fn spellings(path: &str) -> Vec<String> {
    match path {
        "/" => vec![path.to_owned()],
        _ => vec![format!("{path}/"), path.to_owned()],
    }
}

fn wrong_method(allowed: &'static str) -> impl Fn(Call) -> Ready<Answer> + Clone {
    move |call| {
        body::leave(&call.request, call.payload);
        ready(Err(Problem::from_status(StatusCode::METHOD_NOT_ALLOWED)
            .with_hint(format!("It takes {allowed}."))
            .with_header(ALLOW, HeaderValue::from_static(allowed))))
    }
}

/// The gate before a handler, and the net below it.
fn gated<F, Fut>(need: Need, handler: F) -> impl Fn(Call) -> LocalBoxFuture<'static, Answer> + Clone
where
    F: Fn(Call) -> Fut + Copy + 'static,
    Fut: Future<Output = Answer> + 'static,
{
    move |mut call| {
        let admitted = call.state.gate.admit(need, call.request.head());
        if admitted.is_err() || call.request.method() != Method::POST {
            body::leave(&call.request, call.payload.take());
        }
        if let Err(refused) = admitted {
            return Box::pin(ready(Err(refused)));
        }
        Box::pin(caught(async move { handler(call).await }))
    }
}

/// A net: a panic becomes a bare 500 instead of a broken connection. Nothing shared is left half changed by
/// it: the state is swapped or written whole.
pub async fn caught(answer: impl Future<Output = Answer>) -> Answer {
    AssertUnwindSafe(answer)
        .catch_unwind()
        .await
        .unwrap_or_else(|panic| Err(Problem::internal(format!("panic: {}", words(&*panic)))))
}

fn words(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without words")
}
