//! /openapi.json and the try-it-out page over it. The page's files are in the binary; nothing comes from
//! another host, and its policy forbids that it could.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ContentType, HeaderValue, LOCATION,
    REFERRER_POLICY, X_FRAME_OPTIONS,
};
use actix_web::web::Bytes;
use arc_swap::ArcSwap;
use utoipa_swagger_ui::Config;

use super::openapi::{Guarded, description};
use super::problem::Problem;
use super::routes::{Answer, Call, nothing_here};
use crate::endpoint::Published;

/// The page writes styles into its own elements, and its bundle holds its pictures.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
                      img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

/// The page is made once at start, the description anew when other endpoints are published.
pub struct Pages {
    guarded: Guarded,
    openapi: ArcSwap<Bytes>,
    page: Arc<Config<'static>>,
}

impl Pages {
    pub fn new(guarded: Guarded) -> Self {
        // Relative to the page, so that it also works behind a path of a proxy.
        let page = Config::from("../openapi.json").try_it_out_enabled(true).use_base_layout();
        let pages = Self { guarded, openapi: ArcSwap::default(), page: Arc::new(page) };
        pages.describe(&[]);
        pages
    }

    /// Takes what is served from now on into the API's description.
    pub fn describe(&self, endpoints: &[Published]) {
        let openapi = serde_json::to_vec(&description(self.guarded, endpoints)).unwrap_or_default();
        self.openapi.store(Arc::new(openapi.into()));
    }
}

pub async fn openapi(call: Call) -> Answer {
    Ok(HttpResponse::Ok()
        .insert_header(ContentType::json())
        .body(Bytes::clone(&call.state.pages.openapi.load())))
}

/// The page's files lie beside it, so it must be asked for with the slash.
pub async fn page(call: Call) -> Answer {
    if call.request.path().ends_with('/') {
        return serve(&call, "index.html").await;
    }
    Ok(HttpResponse::build(StatusCode::PERMANENT_REDIRECT).insert_header((LOCATION, "docs/")).finish())
}

pub async fn file(call: Call) -> Answer {
    let file = call.request.match_info().get("file").unwrap_or_default().to_owned();
    serve(&call, &file).await
}

async fn serve(call: &Call, file: &str) -> Answer {
    let served = utoipa_swagger_ui::serve(file, call.state.pages.page.clone())
        .map_err(|error| Problem::internal(error.to_string()))?;
    let Some(served) = served else { return nothing_here() };
    let mut response = HttpResponse::Ok();
    if served.gzpipped {
        response.insert_header((CONTENT_ENCODING, HeaderValue::from_static("gzip")));
    }
    Ok(response
        .insert_header((CONTENT_TYPE, served.content_type))
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .insert_header((X_FRAME_OPTIONS, "DENY"))
        .body(served.bytes.into_owned()))
}
