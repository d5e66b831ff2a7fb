//! The form that starts a run. The token is typed in and travels in the body: nothing is kept in the browser
//! that another site's page could use, and a form of another site is refused also where no token is asked for.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{HOST, HeaderMap, LOCATION, ORIGIN};
use maud::{Markup, html};
use url::form_urlencoded;

use crate::service::gate::Need;
use crate::service::pages::root;
use crate::service::problem::Problem;
use crate::service::routes::{Answer, Call};
use crate::service::{body, runs};

/// `refused`: why the last try started nothing.
pub fn form(root: &str, needs_token: bool, refused: Option<&Problem>) -> Markup {
    let at_token = refused.filter(|problem| needs_token && is_about_token(problem));
    let told = at_token.map(|_| "token-wrong");
    html! {
        section class="panel start" aria-labelledby="start" {
            h2 id="start" { "Run the pipeline" }
            @if let Some(problem) = refused.filter(|_| at_token.is_none()) {
                p class="notice bad" { (problem) @if let Some(hint) = problem.hint() { " " (hint) } }
            }
            form method="post" action={ (root) "/ui/runs" } {
                @if needs_token {
                    div class="field" {
                        label for="token" { "Token" }
                        input id="token" name="token" type="password" required autocomplete="current-password"
                            autofocus[at_token.is_some()] aria-invalid=[at_token.map(|_| "true")] aria-describedby=[told];
                        @if let Some(problem) = at_token { p class="wrong" id="token-wrong" { (problem) } }
                    }
                }
                p { button { "Start a run" } }
            }
        }
    }
}

fn is_about_token(problem: &Problem) -> bool {
    matches!(problem.status(), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
}

/// POST /ui/runs: what the form sends.
pub async fn start(mut call: Call) -> Answer {
    let payload = call.payload.take();
    if !is_own(call.request.headers()) {
        body::leave(&call.request, payload);
        return Err(Problem::new(StatusCode::FORBIDDEN, "foreign_form", "This form came from another site.")
            .with_hint("Open the page of runs here and start the run from there."));
    }
    let sent = body::read(&call.request, payload, &call.state).await?;
    let typed = form_urlencoded::parse(&sent).find(|(name, _)| name == "token");
    let token = typed.map(|(_, token)| token).unwrap_or_default();
    let begun = match call.state.gate.admit_typed(Need::Run, &call.request, &token) {
        Ok(()) => runs::begin(&call.state).await,
        Err(refusal) => Err(refusal),
    };
    match begun {
        Ok(begun) => {
            let there = format!("{}/ui/runs/{}", root(&call.request), begun.id);
            Ok(HttpResponse::SeeOther().insert_header((LOCATION, there)).finish())
        }
        Err(problem) => {
            let page = super::page(&call, Some(&problem)).await?;
            Ok(page.write_to(&call, problem.answer()))
        }
    }
}

/// Whether a form is one of our own pages'. A browser says where it comes from; who says nothing is no browser,
/// and has no user whose browser could be misled.
fn is_own(headers: &HeaderMap) -> bool {
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
    fn only_forms_of_our_own_pages_are_taken() {
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
