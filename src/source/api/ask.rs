//! One request after another: at the pace that was promised, again when it failed, never for ever.

use std::collections::HashSet;
use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use bytes::Bytes;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER,
};
use reqwest::{Response, StatusCode};
use serde_json::Value;
use url::Url;

use super::answer::Answer;
use super::pace::Pace;
use super::spool::{Chained, Page, Spool};
use super::{ApiRequest, Chain, Next, Paging, put};
use crate::source::http::headers::retry_after;
use crate::source::http::{Http, RequestError, chain as causes, check_step};
use crate::source::{FetchOptions, Location, SourceError};

/// An answer is held in memory, in bytes; a larger one is refused.
const MAX_ANSWER_BYTES: usize = 256 << 20;
/// An API that never comes to its end is broken.
const MAX_PAGES: u64 = 1_000_000;

pub(super) struct Asker<'a> {
    request: &'a ApiRequest,
    options: &'a FetchOptions,
    http: Http,
    pace: Pace,
    shown: String,
    /// An answer had what says where the next page is, or that there is none.
    told: AtomicBool,
}

enum Failure {
    /// Another try may succeed, after `wait` if the server said so.
    Passing {
        why: String,
        wait: Option<Duration>,
    },
    /// The server does not want this request.
    Refused(SourceError),
    Final(SourceError),
}

/// Why there is no answer.
enum NoAnswer {
    Refused(SourceError),
    Other(SourceError),
}

/// What came; without a body where the server said that there is none.
type Came = (Option<Bytes>, HeaderMap);

fn passing(why: impl Into<String>) -> Failure {
    Failure::Passing { why: why.into(), wait: None }
}

impl<'a> Asker<'a> {
    pub(super) fn new(request: &'a ApiRequest, options: &'a FetchOptions) -> Result<Self, SourceError> {
        Ok(Self {
            request,
            options,
            http: Http::new(options, request.url.clone())?,
            pace: Pace::new(request.requests_per_second),
            shown: Location::Http(request.url.clone()).to_string(),
            told: AtomicBool::new(false),
        })
    }

    /// What is to be told of pages that nothing led to: a way that is written wrong would end with the first.
    pub(super) fn nothing_told(&self) -> Option<String> {
        let sign = self.request.paging.as_ref().and_then(Paging::sign)?;
        (!self.told.load(Ordering::Relaxed))
            .then(|| format!("{}: no answer had {sign}, so each was taken for the only page", self.shown))
    }

    /// All pages of a chain, those first that are there already.
    pub(super) async fn follow(
        &self,
        chain: Chain,
        spool: &Spool,
        told: &(dyn Fn(u64) + Sync),
    ) -> Result<Vec<Page>, SourceError> {
        let begin = self.request.paging.as_ref().map_or(Next::First, Paging::begin);
        let mut state = spool.chained(&chain.name).unwrap_or_else(|| Chained::new(begin));
        let mut resumed = state.pages() > 0;
        self.told.fetch_or(resumed, Ordering::Relaxed);
        let added = chain.added();
        let mut asked = HashSet::new();
        while state.next != Next::Nothing {
            let (body, headers) = match self.ask(&chain, &state.next).await {
                Ok(came) => came,
                // A cursor may be good for minutes only.
                Err(NoAnswer::Refused(error)) if resumed => {
                    tracing::debug!(location = self.shown, %error, "begins anew");
                    state = Chained::new(self.request.paging.as_ref().map_or(Next::First, Paging::begin));
                    resumed = false;
                    continue;
                }
                Err(NoAnswer::Refused(error) | NoAnswer::Other(error)) => return Err(error),
            };
            resumed = false;
            told(body.as_ref().map_or(0, Bytes::len) as u64);
            let answer = match &body {
                Some(body) => Answer::read(body, &self.request.records, &self.shown)?,
                None => Answer::none(&self.shown),
            };
            let (lines, records) = (answer.lines(added.as_deref()), answer.records.len() as u64);
            if records > 0 && state.last() == Some(crate::source::sha256(&lines).as_str()) {
                return Err(self.same_again(state.pages()));
            }
            let next = match &self.request.paging {
                Some(paging) => {
                    let end = &self.request.end;
                    let is_told = paging.is_told(end, &answer, &headers)?;
                    self.told.fetch_or(is_told, Ordering::Relaxed);
                    paging.after(end, &answer, &headers, (state.pages() + 1, state.records() + records))?
                }
                None => Next::Nothing,
            };
            if next == state.next || state.pages() >= MAX_PAGES {
                return Err(self.same_again(state.pages()));
            }
            asked.insert(std::mem::replace(&mut state.next, Next::Nothing));
            if asked.contains(&next) {
                return Err(self.in_a_circle(state.pages()));
            }
            state = spool.keep(&chain.name, state, (&lines, records), next)?;
        }
        Ok(spool.pages(&chain.name, &state))
    }

    fn same_again(&self, page: u64) -> SourceError {
        let message = format!("{}: page {} is the one before it again", self.shown, page + 1);
        SourceError::new(message).with_hint("does the API know the parameter that `paging` names?")
    }

    fn in_a_circle(&self, page: u64) -> SourceError {
        let message = format!("{}: page {} leads back to one that was there before", self.shown, page + 1);
        SourceError::new(message).with_hint("does `next` lead to the next page's cursor or address?")
    }

    /// The answer's body, however many tries it takes.
    async fn ask(&self, chain: &Chain, next: &Next) -> Result<Came, NoAnswer> {
        let mut pauses = ExponentialBuilder::default()
            .with_min_delay(self.options.retry_pause)
            .with_max_delay(Duration::from_secs(60))
            .with_max_times(self.options.retries)
            .with_jitter()
            .build();
        let mut tries = 0;
        loop {
            tries += 1;
            self.pace.turn().await;
            let (why, wait) = match self.attempt(chain, next).await {
                Ok(answer) => return Ok(answer),
                Err(Failure::Final(error)) => return Err(NoAnswer::Other(error)),
                Err(Failure::Refused(error)) => return Err(NoAnswer::Refused(error)),
                Err(Failure::Passing { why, wait }) => (why, wait.unwrap_or_default()),
            };
            let exhausted = |why: &str| {
                let tries = if tries == 1 { "one try".to_owned() } else { format!("{tries} tries") };
                let error = SourceError::new(format!("{} did not answer in {tries}: {why}", self.shown));
                NoAnswer::Other(error.with_hint("what has come is kept: the next load goes on from there"))
            };
            let pause = pauses.next().ok_or_else(|| exhausted(&why))?;
            if wait > self.options.max_retry_after {
                return Err(exhausted(&format!("{why}; try again in {} s", wait.as_secs())));
            }
            tracing::debug!(location = self.shown, why, tries, "request failed");
            // What the server asks of one it asks of all.
            self.pace.rest(wait).await;
            tokio::time::sleep(pause.max(wait)).await;
        }
    }

    async fn attempt(&self, chain: &Chain, next: &Next) -> Result<Came, Failure> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        let url = self.address(chain, next).map_err(Failure::Final)?;
        let answer = if self.request.post {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            self.http.post(&url, &headers, self.body(chain, next)).await
        } else {
            let mut http = self.http.clone();
            http.get(&url, &headers).await.map(|(response, _)| response)
        };
        let answer = answer.map_err(|error| match error {
            RequestError::Passing(why) => passing(why),
            RequestError::Final(error) => Failure::Final(error),
        })?;
        let status = answer.status();
        if !status.is_success() {
            return Err(self.refused(&answer));
        }
        let headers = answer.headers().clone();
        if matches!(status, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT) {
            return Ok((None, headers));
        }
        Ok((Some(self.receive(answer).await?), headers))
    }

    fn address(&self, chain: &Chain, next: &Next) -> Result<Url, SourceError> {
        let mut url = self.request.url.clone();
        if let Some((place, key)) = chain.in_path(&url) {
            if matches!(key.as_str(), "." | "..") {
                let message = format!("{}: the key `{key}` cannot stand in an address", self.shown);
                return Err(
                    SourceError::new(message).with_hint("leave it out of the model that keys come from")
                );
            }
            url.set_path(
                &url.path().replace(&place, &utf8_percent_encode(&key, NON_ALPHANUMERIC).to_string()),
            );
        }
        if let Next::At(address) = next {
            let target = url.join(address).map_err(|error| {
                SourceError::new(format!("{}: the next page's address is none: {error}", self.shown))
            })?;
            check_step(&url, &target)?;
            if target.origin() != url.origin() {
                return Err(SourceError::new(format!(
                    "{}: the next page is on another host, {}, which is refused",
                    self.shown,
                    target.host_str().unwrap_or_default()
                )));
            }
            return Ok(target);
        }
        let mut pairs: Vec<(String, String)> = self.request.parameters.clone();
        if !self.request.post {
            if let Some(keys) = chain.keys.as_ref().filter(|_| chain.in_path(&self.request.url).is_none()) {
                let values: Vec<String> = keys.values.iter().map(plain).collect();
                pairs.push((keys.into.clone(), values.join(",")));
            }
            if let Next::With(name, value) = next {
                pairs.push((name.clone(), value.clone()));
            }
        }
        if !pairs.is_empty() {
            url.query_pairs_mut().extend_pairs(pairs);
        }
        Ok(url)
    }

    fn body(&self, chain: &Chain, next: &Next) -> Bytes {
        let mut body = self.request.body.clone();
        if let Some(keys) = chain.keys.as_ref().filter(|_| chain.in_path(&self.request.url).is_none()) {
            put(&mut body, &keys.into, Value::Array(keys.values.clone()));
        }
        if let Next::With(name, value) = next {
            let number = value.parse::<u64>().ok().filter(|number| number.to_string() == *value);
            put(&mut body, name, number.map_or_else(|| value.clone().into(), Value::from));
        }
        Bytes::from(Value::Object(body).to_string())
    }

    async fn receive(&self, mut answer: Response) -> Result<Bytes, Failure> {
        let mut body = Vec::new();
        let packed = answer.headers().get(CONTENT_ENCODING).is_some_and(|how| how == "gzip");
        while let Some(part) = answer.chunk().await.map_err(|error| passing(causes(error)))? {
            body.extend_from_slice(&part);
            self.check_size(body.len())?;
        }
        if packed {
            let mut unpacked = Vec::new();
            let limit = MAX_ANSWER_BYTES as u64 + 1;
            let read = flate2::read::MultiGzDecoder::new(&*body).take(limit).read_to_end(&mut unpacked);
            read.map_err(|error| passing(format!("the answer cannot be unpacked: {error}")))?;
            body = unpacked;
            self.check_size(body.len())?;
        }
        Ok(body.into())
    }

    fn check_size(&self, bytes: usize) -> Result<(), Failure> {
        if bytes <= MAX_ANSWER_BYTES {
            return Ok(());
        }
        let message = format!("{}: an answer is larger than {MAX_ANSWER_BYTES} bytes", self.shown);
        Err(Failure::Final(SourceError::new(message).with_hint("ask for smaller pages")))
    }

    /// What a status means that is no success.
    fn refused(&self, answer: &Response) -> Failure {
        let status = answer.status();
        if matches!(status.as_u16(), 408 | 425 | 429 | 500 | 502..=599) {
            let wait = answer.headers().get(RETRY_AFTER).and_then(retry_after);
            return Failure::Passing { why: format!("the server answered {status}"), wait };
        }
        let error = SourceError::new(format!("{}: the server answered {status}", self.shown));
        match status.as_u16() {
            401 | 403 | 407 => {
                Failure::Final(error.with_hint("is the login right? auth={'bearer': env_var('…')}"))
            }
            301..=399 => Failure::Final(
                error.with_hint("a request with a body is not sent elsewhere: use the new address"),
            ),
            404 | 405 | 410 => Failure::Refused(error.with_hint("check the address, and api={'method': …}")),
            _ => Failure::Refused(error.with_hint("check the parameters and the body that `api` names")),
        }
    }
}

/// A key as it stands in an address.
pub(super) fn plain(key: &Value) -> String {
    key.as_str().map_or_else(|| key.to_string(), str::to_owned)
}
