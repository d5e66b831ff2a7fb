//! What all pages have around them: head, navigation, footer, and the headers of the answer.

use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_FRAME_OPTIONS,
};
use actix_web::{HttpResponse, HttpResponseBuilder};
use maud::{DOCTYPE, Markup, html};

use super::{assets, root};
use crate::service::routes::{Answer, Call};
use crate::service::snapshot::Snapshot;

/// Pages load their own stylesheet, and send forms to their own service.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'self'; \
                      frame-ancestors 'none'";

/// What a page that is kept up to date may do more.
const WITH_SCRIPT: &str = "; script-src 'self'; connect-src 'self'";

/// How often such a page is loaded anew where there is no script. Unit: seconds.
const RELOAD: &str = "3";

/// Where in the navigation a page stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    Boards,
    Vouchers,
    Runs,
    Data,
    Docs,
    Other,
}

pub struct Page {
    section: Section,
    title: String,
    content: Markup,
    script: Option<&'static str>,
}

impl Page {
    pub fn new(section: Section, title: impl Into<String>, content: Markup) -> Self {
        Self { section, title: title.into(), content, script: None }
    }

    /// By one of our own scripts, and without scripts by loading it again and again.
    pub fn kept_up_to_date(self, script: &'static str) -> Self {
        Self { script: Some(script), ..self }
    }

    pub fn answer(self, call: &Call) -> Answer {
        Ok(self.write_to(call, HttpResponse::Ok()))
    }

    /// As the answer that was begun.
    pub fn write_to(self, call: &Call, response: HttpResponseBuilder) -> HttpResponse {
        let snapshot = call.state.snapshot.load_full();
        self.write(response, call.request.path(), snapshot.as_deref())
    }

    pub fn write(
        self,
        mut response: HttpResponseBuilder,
        path: &str,
        snapshot: Option<&Snapshot>,
    ) -> HttpResponse {
        let policy = format!("{POLICY}{}", self.script.map_or("", |_| WITH_SCRIPT));
        response
            .insert_header((CONTENT_TYPE, "text/html; charset=utf-8"))
            .insert_header((CACHE_CONTROL, "no-cache"))
            .insert_header((CONTENT_SECURITY_POLICY, policy))
            // Not `no-referrer`: that would take the origin off our own forms, by which they are known as ours.
            .insert_header((REFERRER_POLICY, "same-origin"))
            .insert_header((X_FRAME_OPTIONS, "DENY"))
            .body(self.markup(&root(path), snapshot).into_string())
    }

    fn markup(&self, root: &str, snapshot: Option<&Snapshot>) -> Markup {
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (self.title) " - elt" }
                    link rel="icon" href="data:,";
                    link rel="stylesheet" href={ (root) (assets::path("elt.css")) };
                    @if let Some(script) = self.script {
                        script src={ (root) (assets::path(script)) } defer {}
                        noscript { meta http-equiv="refresh" content=(RELOAD); }
                    }
                }
                body {
                    a class="skip" href="#content" { "To the content" }
                    header {
                        a class="home" href={ (root) "/" } { "elt" }
                        nav aria-label="Pages" {
                            (self.link(root, "/boards/", Section::Boards, "Boards"))
                            @if snapshot.is_some_and(|snapshot| snapshot.has_vouchers) {
                                (self.link(root, "/ui/vouchers", Section::Vouchers, "Vouchers"))
                            }
                            (self.link(root, "/ui/runs", Section::Runs, "Runs"))
                            (self.link(root, "/ui/data", Section::Data, "Data"))
                            (self.link(root, "/ui/docs", Section::Docs, "Docs"))
                        }
                    }
                    main id="content" { (self.content) }
                    footer class="quiet" { @match snapshot {
                        Some(snapshot) => {
                            "Published by run " (snapshot.run_id) ", "
                            time datetime=(snapshot.published_at) { (super::text::moment(snapshot.published_at)) }
                        }
                        None => "Nothing is published yet.",
                    } }
                }
            }
        }
    }

    fn link(&self, root: &str, path: &str, section: Section, words: &str) -> Markup {
        let current = (self.section == section).then_some("page");
        html! { a href={ (root) (path) } aria-current=[current] { (words) } }
    }
}
