//! Which site's page a request comes from.

use actix_web::http::header::{HOST, HeaderMap, ORIGIN};

/// Whether a request comes from one of our own pages. A browser says where it comes from; who says nothing is
/// no browser, and has no user whose browser could be misled.
pub fn is_own(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("unreadable"));
    if let Some(site) = text("sec-fetch-site") {
        return matches!(site, "same-origin" | "none");
    }
    match (text(ORIGIN.as_str()), text(HOST.as_str())) {
        (None, _) => true,
        (Some(origin), Some(host)) => {
            origin.split_once("://").is_some_and(|(_, from)| from.eq_ignore_ascii_case(host))
        }
        (Some(_), None) => false,
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    fn own(headers: &[(&'static str, &'static str)]) -> bool {
        let pairs = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        is_own(&pairs.collect())
    }

    #[test]
    fn only_requests_of_our_own_pages_are_own() {
        assert!(own(&[]));
        assert!(own(&[("origin", "http://localhost:8080"), ("host", "localhost:8080")]));
        assert!(own(&[("sec-fetch-site", "same-origin"), ("origin", "https://outside"), ("host", "inside")]));
        for foreign in [
            &[("origin", "http://evil.example"), ("host", "localhost:8080")][..],
            &[("origin", "null"), ("host", "localhost:8080")],
            &[("origin", "http://localhost:8081"), ("host", "localhost:8080")],
            &[("sec-fetch-site", "cross-site"), ("origin", "http://a"), ("host", "a")],
            &[("sec-fetch-site", "same-site")],
            &[("origin", "http://a")],
        ] {
            assert!(!own(foreign), "{foreign:?}");
        }
    }
}
