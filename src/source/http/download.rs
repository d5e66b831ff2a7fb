//! One download, however many tries it takes: resumed where the server can, begun anew where it cannot, and
//! never taken for whole unless it is.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use reqwest::header::{
    CONTENT_LENGTH, HeaderMap, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, RANGE, RETRY_AFTER,
};
use reqwest::{Response, StatusCode};
use sha2::{Digest, Sha256};
use url::Url;

use super::cache::{Cache, Kept, Validator};
use super::headers::{continues, number, retry_after, set, validator};
use super::part::Part;
use super::{Http, RequestError, chain, check_step, drive};
use crate::source::digest::hex;
use crate::source::file::OpenFile;
use crate::source::format::looks_like_html;
use crate::source::{FetchOptions, Progress, SourceError};

/// A web page is read no further, in bytes.
const MAX_PAGE_BYTES: usize = 1 << 20;
/// Bytes by which a try must get further for it not to count as failed.
const PROGRESS_BYTES: u64 = 1 << 20;
/// A confirm page may lead to a page once more, not for ever.
const MAX_PAGES: usize = 3;

pub(in crate::source) struct Download<'a> {
    options: &'a FetchOptions,
    http: Http,
    /// The location as it may be shown.
    shown: String,
    /// What is asked for now; a confirm page changes it.
    url: Url,
    drive: bool,
}

/// A whole download, durable in the cache.
pub(in crate::source) struct Stored {
    pub(in crate::source) file: OpenFile,
    pub(in crate::source) sha256: String,
    pub(in crate::source) from_cache: bool,
}

enum Answer {
    Whole,
    NotModified,
    Page { html: Vec<u8>, at: Url },
}

enum Failure {
    /// Another try may succeed, after `wait` if the server said so.
    Passing {
        why: String,
        wait: Option<Duration>,
    },
    Final(SourceError),
}

impl From<SourceError> for Failure {
    fn from(error: SourceError) -> Self {
        Self::Final(error)
    }
}

fn stopped(error: &tokio::task::JoinError) -> SourceError {
    SourceError::new(format!("the download was stopped: {error}"))
}

fn passing(why: impl Into<String>) -> Failure {
    Failure::Passing { why: why.into(), wait: None }
}

/// What has come so far.
struct Received {
    part: Part,
    bytes: u64,
    hasher: Sha256,
    total: Option<u64>,
    validator: Validator,
}

impl Received {
    /// What was left of an earlier fetch, or nothing. Blocks.
    fn begin(mut part: Part) -> Result<Self, SourceError> {
        let (bytes, total, validator) = (part.bytes(), part.total(), part.validator());
        let hasher = if bytes > 0 { part.hasher()? } else { Sha256::new() };
        Ok(Self { part, bytes, hasher, total, validator })
    }

    fn restart(&mut self, total: Option<u64>, validator: Validator) -> Result<(), SourceError> {
        self.part.begin(validator.clone(), total)?;
        self.bytes = 0;
        self.hasher = Sha256::new();
        (self.total, self.validator) = (total, validator);
        Ok(())
    }

    /// Whether a 206 with these headers continues what has come.
    fn goes_on(&self, headers: &HeaderMap) -> bool {
        continues(headers, self.bytes, self.total, &self.validator)
    }

    fn add(&mut self, bytes: &[u8]) -> Result<(), SourceError> {
        self.part.write(bytes)?;
        self.hasher.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(())
    }
}

impl<'a> Download<'a> {
    pub(in crate::source) fn new(
        options: &'a FetchOptions,
        shown: String,
        url: Url,
        drive: bool,
    ) -> Result<Self, SourceError> {
        Ok(Self { options, http: Http::new(options, url.clone())?, shown, url, drive })
    }

    pub(in crate::source) async fn run(
        mut self,
        cache: &Cache,
        progress: &dyn Progress,
    ) -> Result<Stored, SourceError> {
        let mut kept = cache.kept();
        let left = cache.clone();
        // What was left may be large, and is hashed.
        let begun = tokio::task::spawn_blocking(move || Received::begin(left.part()?));
        let mut received = begun.await.map_err(|error| stopped(&error))??;
        let (mut pauses, mut tries, mut pages, mut furthest) = (self.pauses(), 0, 0, received.bytes);
        loop {
            tries += 1;
            match self.attempt(&mut received, kept.as_ref(), progress).await {
                Ok(Answer::Whole) => return self.store(received, cache).await,
                Ok(Answer::NotModified) => {
                    if let Some(Kept { file, sha256, .. }) = kept.take() {
                        return Ok(Stored { file, sha256, from_cache: true });
                    }
                }
                Ok(Answer::Page { html, at }) => {
                    pages += 1;
                    self.url = self.leave_page(&html, &at, pages)?;
                }
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::Passing { why, wait }) => {
                    if received.bytes >= furthest + PROGRESS_BYTES {
                        furthest = received.bytes;
                        pauses = self.pauses();
                    }
                    let pause = pauses.next().ok_or_else(|| self.exhausted(tries, &why, &received))?;
                    let wait = wait.unwrap_or_default();
                    if wait > self.options.max_retry_after {
                        let why = format!("{why}; try again in {} s", wait.as_secs());
                        return Err(self.exhausted(tries, &why, &received));
                    }
                    tracing::debug!(location = self.shown, why, tries, "download interrupted");
                    tokio::time::sleep(pause.max(wait)).await;
                }
            }
        }
    }

    fn pauses(&self) -> impl Iterator<Item = Duration> + use<> {
        ExponentialBuilder::default()
            .with_min_delay(self.options.retry_pause)
            .with_max_delay(Duration::from_secs(60))
            .with_max_times(self.options.retries)
            .with_jitter()
            .build()
    }

    fn exhausted(&self, tries: usize, why: &str, received: &Received) -> SourceError {
        let tries = if tries == 1 { "one try".to_owned() } else { format!("{tries} tries") };
        SourceError::new(format!("{} could not be fetched in {tries}: {why}", self.shown)).with_hint(
            if received.part.can_go_on() {
                "what has come is kept: the next load goes on from there, where the server can"
            } else {
                "check the address and the network, or try again later"
            },
        )
    }

    async fn store(&self, received: Received, cache: &Cache) -> Result<Stored, SourceError> {
        let sha256 = hex(&received.hasher.finalize());
        let (cache, named) = (cache.clone(), sha256.clone());
        // fsync of a large file takes seconds.
        let kept = tokio::task::spawn_blocking(move || cache.keep(received.part, &named, received.validator));
        let file = kept.await.map_err(|error| stopped(&error))??;
        Ok(Stored { file, sha256, from_cache: false })
    }

    fn leave_page(&self, html: &[u8], at: &Url, pages: usize) -> Result<Url, SourceError> {
        if !self.drive {
            return Err(SourceError::new(format!(
                "{}: the server answered a web page, not a file",
                self.shown
            ))
            .with_hint(
                "use the address of the file itself (its download link); a login page is also answered so",
            ));
        }
        if pages > MAX_PAGES {
            return Err(SourceError::new(format!(
                "{}: Google Drive answers one page after another",
                self.shown
            )));
        }
        let next = drive::next_step(html, at, &self.shown)?;
        check_step(at, &next)?;
        Ok(next)
    }

    async fn attempt(
        &mut self,
        received: &mut Received,
        kept: Option<&Kept>,
        progress: &dyn Progress,
    ) -> Result<Answer, Failure> {
        let mut headers = HeaderMap::new();
        let resume = received.bytes > 0 && received.validator.for_range().is_some();
        if resume {
            set(&mut headers, RANGE, Some(&format!("bytes={}-", received.bytes)));
            set(&mut headers, IF_RANGE, received.validator.for_range());
        } else if let Some(kept) = kept {
            set(&mut headers, IF_NONE_MATCH, kept.validator.etag.as_deref());
            set(&mut headers, IF_MODIFIED_SINCE, kept.validator.last_modified.as_deref());
        }
        let url = self.url.clone();
        let (response, at) = self.http.get(&url, &headers).await.map_err(|error| match error {
            RequestError::Passing(why) => passing(why),
            RequestError::Final(error) => Failure::Final(error),
        })?;
        match response.status() {
            StatusCode::NOT_MODIFIED if !resume && kept.is_some() => return Ok(Answer::NotModified),
            StatusCode::OK => {
                let total = number(response.headers(), CONTENT_LENGTH);
                received.restart(total, validator(response.headers()))?;
            }
            StatusCode::PARTIAL_CONTENT if resume && received.goes_on(response.headers()) => {}
            StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => {
                received.restart(None, Validator::default())?;
                return Err(passing("the server could not go on where it broke off"));
            }
            _ => return Err(self.refused(response).await),
        }
        self.check_size(received.total.unwrap_or(0))?;
        self.receive(response, at, received, progress).await
    }

    async fn receive(
        &self,
        mut response: Response,
        at: Url,
        received: &mut Received,
        progress: &dyn Progress,
    ) -> Result<Answer, Failure> {
        // The beginning is held back until it shows whether a file or a page is coming.
        let mut head = (received.bytes == 0).then(Vec::new);
        loop {
            let chunk = response.chunk().await.map_err(|error| passing(chain(error)))?;
            let ended = chunk.is_none();
            let chunk = chunk.unwrap_or_default();
            match &mut head {
                Some(held) => {
                    held.extend_from_slice(&chunk);
                    let page = looks_like_html(held);
                    if page && (ended || held.len() > MAX_PAGE_BYTES) {
                        return Ok(Answer::Page { html: std::mem::take(held), at });
                    }
                    if !page && (ended || held.len() > 1024) {
                        let held = head.take().unwrap_or_default();
                        self.check_size(held.len() as u64)?;
                        received.add(&held)?;
                    }
                }
                None => {
                    self.check_size(received.bytes + chunk.len() as u64)?;
                    received.add(&chunk)?;
                }
            }
            progress.bytes(received.bytes, received.total);
            if ended {
                return match received.total {
                    Some(total) if total != received.bytes => {
                        Err(passing(format!("the body ended after {} of {total} bytes", received.bytes)))
                    }
                    _ => Ok(Answer::Whole),
                };
            }
        }
    }

    fn check_size(&self, bytes: u64) -> Result<(), SourceError> {
        if bytes <= self.options.max_bytes {
            return Ok(());
        }
        Err(SourceError::new(format!("{} is larger than {} bytes", self.shown, self.options.max_bytes))
            .with_hint("if that is right, raise fetch.max_bytes in profiles.yml"))
    }

    /// What a status other than success means.
    async fn refused(&self, response: Response) -> Failure {
        let status = response.status();
        if matches!(status.as_u16(), 408 | 425 | 429 | 500 | 502..=599) {
            let wait = response.headers().get(RETRY_AFTER).and_then(retry_after);
            return Failure::Passing { why: format!("the server answered {status}"), wait };
        }
        if self.drive
            && let Ok(page) = response.text().await
            && let Some(error) = drive::refusal(&page, &self.shown)
        {
            return Failure::Final(error);
        }
        let error = SourceError::new(format!("{}: the server answered {status}", self.shown));
        Failure::Final(match status.as_u16() {
            404 | 410 if self.drive => {
                error.with_hint("check the link, and that it is shared with anyone who has it")
            }
            404 | 410 => error.with_hint("there is no such file: check the address"),
            401 | 403 | 407 if self.options.basic.is_some() || !self.options.headers.is_empty() => error
                .with_hint(
                    "the login that was sent is not taken: is it right, not expired, and for this file?",
                ),
            401 | 403 | 407 => {
                error.with_hint("the address needs a login: auth={'bearer': env_var('…')}, or a fresh link")
            }
            _ => error.with_hint("check the address in a browser"),
        })
    }
}
