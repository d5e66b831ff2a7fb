//! The pages' own files, out of the program. A page names them with their version, so that a browser keeps them for
//! good and asks for another when there is one.

use std::sync::LazyLock;

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use crate::service::routes::{Answer, Call, nothing_here};

/// Name, type, content.
const FILES: [(&str, &str, &str); 2] = [
    ("elt.css", "text/css; charset=utf-8", include_str!("elt.css")),
    ("run.js", "text/javascript; charset=utf-8", include_str!("run.js")),
];

/// Of each file, as long as its content stays.
static VERSIONS: LazyLock<[String; FILES.len()]> = LazyLock::new(|| {
    FILES.map(|(_, _, content)| {
        let digest = Sha256::digest(content.as_bytes());
        HEXLOWER.encode(&digest[..4])
    })
});

/// The way to a file from the service's first path.
pub fn path(name: &str) -> String {
    let version = FILES.iter().zip(VERSIONS.iter()).find(|((known, ..), _)| *known == name);
    format!("/assets/{name}?v={}", version.map_or("", |(_, version)| version))
}

pub async fn file(call: Call) -> Answer {
    let asked = call.request.match_info().get("file").unwrap_or_default();
    let Some(place) = FILES.iter().position(|(name, ..)| *name == asked) else {
        return nothing_here();
    };
    let is_named = call.request.query_string() == format!("v={}", VERSIONS[place]);
    let keep = if is_named { "public, max-age=31536000, immutable" } else { "no-cache" };
    let (_, content_type, content) = FILES[place];
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, content_type))
        .insert_header((CACHE_CONTROL, keep))
        .body(content))
}
