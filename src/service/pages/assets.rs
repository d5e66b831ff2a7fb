//! The pages' own files, out of the program.

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};

use crate::service::routes::{Answer, Call, nothing_here};

/// Name, type, content.
const FILES: [(&str, &str, &str); 2] = [
    ("elt.css", "text/css; charset=utf-8", include_str!("elt.css")),
    ("run.js", "text/javascript; charset=utf-8", include_str!("run.js")),
];

pub async fn file(call: Call) -> Answer {
    let asked = call.request.match_info().get("file").unwrap_or_default();
    let Some((_, content_type, content)) = FILES.iter().find(|(name, ..)| *name == asked) else {
        return nothing_here();
    };
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, *content_type))
        .insert_header((CACHE_CONTROL, "max-age=3600"))
        .body(*content))
}
