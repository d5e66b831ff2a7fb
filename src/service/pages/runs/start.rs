//! The form that starts a run. The token is typed in and travels in the body: nothing is kept in the browser
//! that another site's page could use; the gate refuses other sites' forms also where no token is asked for.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use maud::{Markup, html};
use url::form_urlencoded;

use crate::service::gate::{Need, OTHER_SITE};
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
                        input id="token" name="token" type="password" required autocomplete="off"
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
    let sent = body::of(&mut call).await?;
    let typed = form_urlencoded::parse(&sent).find(|(name, _)| name == "token");
    let token = typed.map(|(_, token)| token).unwrap_or_default();
    let begun = match call.state.gate.admit_typed(Need::Run, call.request.head(), &token) {
        Ok(()) => runs::begin(&call.state, call.request.headers()).await,
        Err(refusal) => Err(refusal),
    };
    match begun {
        Ok(begun) => {
            let there = format!("{}/ui/runs/{}", root(call.request.path()), begun.id);
            Ok(HttpResponse::SeeOther().insert_header((LOCATION, there)).finish())
        }
        // Nothing that a person at our own form could mend.
        Err(problem) if problem.code() == OTHER_SITE => Err(problem),
        Err(problem) => {
            let page = super::page(&call, Some(&problem)).await?;
            Ok(page.write_to(&call, problem.answer()))
        }
    }
}
