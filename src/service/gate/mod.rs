//! Who may: each path says what it needs, the gate lets in who has it, and no one too often. Tokens come in the
//! header `Authorization`, as `Bearer <token>`; for reading also as the password of HTTP Basic, which is what
//! a browser asks a person for. Basic never starts a run: a browser sends it along with other sites' forms.

mod address;
mod host;
mod limit;
mod origin;

use std::net::IpAddr;

use actix_web::dev::RequestHead;
use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, HeaderMap, HeaderValue, ORIGIN, RETRY_AFTER, WWW_AUTHENTICATE};
use arc_swap::ArcSwapOption;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

use address::Proxies;
use host::Hosts;
pub use limit::Rate;
use limit::{Caller, Limits};

use super::Settings;
use super::problem::Problem;
use crate::token::{Access, Digest, Scope, Token};

/// What a path asks of who calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Nothing, ever: probes, and what pages are dressed in.
    Nothing,
    /// Leave to read, where reading is closed.
    Read,
    /// Leave to start runs, where that is closed.
    Run,
}

/// The code of the refusal that a page of another site gets.
pub const OTHER_SITE: &str = "other_site";

pub struct Gate {
    reads: Access,
    runs: Access,
    /// The one token that is not in the database: it may run.
    run_token: Option<Digest>,
    /// `None` until they were read for the first time.
    tokens: ArcSwapOption<Vec<Token>>,
    proxies: Proxies,
    /// Other sites whose pages may ask.
    cors: Vec<String>,
    hosts: Hosts,
    limits: Limits,
}

enum Credentials<'a> {
    None,
    Token(std::borrow::Cow<'a, [u8]>),
}

impl Gate {
    pub fn new(settings: &Settings) -> Self {
        Self {
            reads: settings.reads,
            runs: settings.runs,
            run_token: settings.run_token.as_deref().map(|token| Digest::of(token.as_bytes())),
            tokens: ArcSwapOption::empty(),
            proxies: Proxies(settings.proxies.clone()),
            cors: settings.cors.clone(),
            hosts: Hosts::new(settings.hosts.as_deref()),
            limits: Limits::new(settings.rate),
        }
    }

    pub fn access(&self, need: Need) -> Access {
        match need {
            Need::Nothing => Access::Open,
            Need::Read => self.reads,
            Need::Run => self.runs,
        }
    }

    /// Whether the database's tokens decide anything.
    pub fn asks_for_tokens(&self) -> bool {
        self.reads == Access::Token || self.runs == Access::Token || self.limits.any()
    }

    pub fn knows_tokens(&self) -> bool {
        self.tokens.load().is_some()
    }

    /// The 503 of a service that cannot let anybody in yet.
    pub fn no_tokens(&self) -> Problem {
        let message = "The service's tokens could not be read yet.";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", message)
            .with_header(RETRY_AFTER, HeaderValue::from_static("5"))
    }

    /// Takes the tokens that count from now on.
    pub fn renew(&self, tokens: Vec<Token>) {
        self.tokens.store(Some(std::sync::Arc::new(tokens)));
    }

    /// Callers who have been quiet take up no more room.
    pub fn forget_the_quiet(&self) {
        self.limits.forget_the_quiet();
    }

    /// Errors: 401 without a token or with a wrong one, 403 with one that allows less, 421 by a name that is
    /// not the service's, 429 too often, 503 before the tokens are known.
    pub fn admit(&self, need: Need, request: &RequestHead) -> Result<(), Problem> {
        self.admit_with(need, request, credentials(request.headers(), need))
    }

    /// The same for what was typed into a form of our own instead of being sent as a header.
    pub fn admit_typed(&self, need: Need, request: &RequestHead, token: &str) -> Result<(), Problem> {
        let typed = match token {
            "" => Credentials::None,
            token => Credentials::Token(token.as_bytes().into()),
        };
        self.admit_with(need, request, typed)
    }

    fn admit_with(
        &self,
        need: Need,
        request: &RequestHead,
        credentials: Credentials<'_>,
    ) -> Result<(), Problem> {
        if need != Need::Nothing && !self.hosts.know(request.headers()) {
            return Err(unknown_host());
        }
        if need == Need::Run && !self.may_come_from(request.headers()) {
            return Err(foreign());
        }
        let access = self.access(need);
        if need == Need::Nothing || (access == Access::Open && !self.limits.any()) {
            return Ok(());
        }
        let address = self.proxies.caller(request);
        let known = match credentials {
            Credentials::Token(token) => self.recognise(&token, address, access)?,
            Credentials::None => None,
        };
        if access == Access::Token {
            let wanted = if need == Need::Run { Scope::Run } else { Scope::Read };
            match &known {
                None => return Err(unauthorized("This needs a token.", need)),
                Some((_, scope)) if *scope < wanted => return Err(forbidden()),
                Some(_) => {}
            }
        }
        let caller = known.map_or(Caller::Address(address), |(id, _)| Caller::Token(id));
        self.limits.count(caller).map_err(|wait| too_many(wait, "Too many requests."))
    }

    /// A page of another site can send its visitors' browsers anywhere, and needs no answer to start a run.
    fn may_come_from(&self, headers: &HeaderMap) -> bool {
        let is_named =
            |origin: &HeaderValue| self.cors.iter().any(|named| named.as_bytes() == origin.as_bytes());
        origin::is_own(headers) || headers.get(ORIGIN).is_some_and(is_named)
    }

    /// Whose token it is, by its id, and what it allows. Where nothing is closed, a wrong one is as good as
    /// none.
    fn recognise(
        &self,
        token: &[u8],
        address: IpAddr,
        access: Access,
    ) -> Result<Option<(i64, Scope)>, Problem> {
        if let Some(wait) = self.limits.shut_out(address) {
            return Err(too_many(wait, "Too many wrong tokens came from this address."));
        }
        let digest = Digest::of(token);
        let mut known = self.run_token.filter(|own| own.is(&digest)).map(|_| (0, Scope::Run));
        let now = Timestamp::now();
        let tokens = self.tokens.load();
        for token in tokens.iter().flat_map(|tokens| tokens.iter()) {
            if token.digest.is(&digest) && token.is_live(now) {
                known = Some((token.id, token.scope));
            }
        }
        if known.is_some() || access == Access::Open {
            return Ok(known);
        }
        if tokens.is_none() {
            return Err(self.no_tokens());
        }
        self.limits.wrong_token(address);
        Err(unauthorized_wrong())
    }
}

fn credentials(headers: &HeaderMap, need: Need) -> Credentials<'_> {
    let Some(value) = headers.get(AUTHORIZATION) else { return Credentials::None };
    let Some((scheme, rest)) = value.as_bytes().iter().position(|byte| *byte == b' ').map(|at| {
        let (scheme, rest) = value.as_bytes().split_at(at);
        (scheme, &rest[1..])
    }) else {
        return Credentials::None;
    };
    if scheme.eq_ignore_ascii_case(b"Bearer") {
        return Credentials::Token(rest.into());
    }
    if need == Need::Read && scheme.eq_ignore_ascii_case(b"Basic") {
        let pair = STANDARD.decode(rest).unwrap_or_default();
        if let Some(colon) = pair.iter().position(|byte| *byte == b':') {
            return Credentials::Token(pair[colon + 1..].to_vec().into());
        }
    }
    Credentials::None
}

fn unauthorized(message: &'static str, need: Need) -> Problem {
    let problem = refusal(message).with_header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    match need {
        Need::Read => problem.with_header(
            WWW_AUTHENTICATE,
            HeaderValue::from_static(r#"Basic realm="elt: a token as the password", charset="UTF-8""#),
        ),
        _ => problem,
    }
}

fn unauthorized_wrong() -> Problem {
    refusal("The token is wrong, has expired or was revoked.")
        .with_header(WWW_AUTHENTICATE, HeaderValue::from_static(r#"Bearer error="invalid_token""#))
}

fn refusal(message: &'static str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", message)
        .with_hint("Send the header `Authorization: Bearer <token>`; `elt token create` makes one.")
}

fn foreign() -> Problem {
    Problem::new(StatusCode::FORBIDDEN, OTHER_SITE, "A page of another site may not start runs here.")
        .with_hint(
            "Start it from a page of this service, or name the site under service.cors in profiles.yml.",
        )
}

fn unknown_host() -> Problem {
    let message = "The service is not known by the name that it was asked by.";
    Problem::new(StatusCode::MISDIRECTED_REQUEST, "unknown_host", message)
        .with_hint("Ask it by localhost, or list the name under service.hosts in profiles.yml.")
}

fn forbidden() -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "forbidden", "This token may read, and not start runs.")
        .with_hint("`elt token create NAME --scope run` makes one that may.")
}

fn too_many(wait: std::time::Duration, message: &'static str) -> Problem {
    let seconds = wait.as_secs() + 1;
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", message)
        .with_hint(format!("Try again in {seconds} s."))
        .with_header(RETRY_AFTER, HeaderValue::from(seconds))
}
