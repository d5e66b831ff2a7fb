//! One request with everything that reqwest would do too freely left to this file: redirects, credentials
//! and cookies stay with the host they belong to, and nothing goes from https to http.

mod address;
pub(in crate::source) mod cache;
pub(in crate::source) mod download;
pub(in crate::source) mod drive;
pub(in crate::source) mod headers;
mod part;
pub(in crate::source) mod post;
pub(in crate::source) mod sweep;

use std::sync::Arc;

use bytes::Bytes;

use reqwest::header::{ACCEPT_ENCODING, COOKIE, HeaderMap, HeaderName, HeaderValue, LOCATION, SET_COOKIE};
use reqwest::{Client, Method, Response};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;
use url::Url;

use self::address::PublicOnly;
use crate::source::location::redacted;
use crate::source::{FetchOptions, SourceError};

const MAX_REDIRECTS: usize = 10;

/// A client for one source.
#[derive(Clone)]
pub(in crate::source) struct Http {
    client: Client,
    /// The source's own address: who may have credentials and headers.
    home: Url,
    headers: HeaderMap,
    basic: Option<(String, String)>,
    public_only: Option<PublicOnly>,
    cookies: Vec<Cookie>,
}

#[derive(Clone)]
struct Cookie {
    url: Url,
    domain: Option<String>,
    name: String,
    value: String,
}

/// Why a request brought no response.
pub(in crate::source) enum RequestError {
    /// Another try may succeed.
    Passing(String),
    Final(SourceError),
}

impl Http {
    pub(in crate::source) fn new(options: &FetchOptions, home: Url) -> Result<Self, SourceError> {
        let client = client(options)?;
        let mut headers = HeaderMap::new();
        for (name, value) in &options.headers {
            let refused = || {
                let message = format!("the header `{}` cannot be sent", name.escape_debug());
                SourceError::new(message)
                    .with_hint("is there a line break at the end of the variable it comes from?")
            };
            let name = HeaderName::try_from(name.as_str()).map_err(|_| refused())?;
            let mut value = HeaderValue::try_from(value.as_str()).map_err(|_| refused())?;
            value.set_sensitive(true);
            headers.append(name.clone(), value);
        }
        let (basic, public_only) = (options.basic.clone(), PublicOnly::of(options));
        Ok(Self { client, home, headers, basic, public_only, cookies: Vec::new() })
    }

    /// Asks for `url` and follows redirects. The second part is the address that answered.
    pub(in crate::source) async fn get(
        &mut self,
        url: &Url,
        headers: &HeaderMap,
    ) -> Result<(Response, Url), RequestError> {
        let mut url = url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let response = self.send(Method::GET, &url, headers, None).await?;
            self.take_cookies(&url, response.headers());
            let target = match response.headers().get(LOCATION) {
                Some(target) if matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) => target,
                _ => return Ok((response, url)),
            };
            url = next_url(&url, target).map_err(RequestError::Final)?;
        }
        Err(RequestError::Final(
            SourceError::new(format!("{} redirects more than {MAX_REDIRECTS} times", redacted(&self.home)))
                .with_hint("open the address in a browser and use the one it ends at"),
        ))
    }

    /// Asks once, with `body` by POST; the answer's redirects are not followed: what a body holds is meant
    /// for one address.
    pub(in crate::source) async fn post(
        &self,
        url: &Url,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Result<Response, RequestError> {
        self.send(Method::POST, url, headers, Some(body)).await
    }

    async fn send(
        &self,
        method: Method,
        url: &Url,
        headers: &HeaderMap,
        body: Option<Bytes>,
    ) -> Result<Response, RequestError> {
        if let Some(public_only) = &self.public_only {
            public_only.check(url).map_err(RequestError::Final)?;
        }
        let at_home = url.origin() == self.home.origin();
        let mut target = url.clone();
        let (user, password) =
            if at_home { (self.home.username(), self.home.password()) } else { ("", None) };
        // Both fail only for URLs without a host, which are not http.
        let _ = target.set_username(user);
        let _ = target.set_password(password);
        let mut all = headers.clone();
        // What is asked for is the file's own bytes, to be counted, hashed and resumed.
        all.entry(ACCEPT_ENCODING).or_insert(HeaderValue::from_static("identity"));
        if at_home {
            all.extend(self.headers.clone());
        }
        if let Some(cookies) = self.cookies_for(url) {
            all.insert(COOKIE, cookies);
        }
        let mut request = self.client.request(method, target).headers(all);
        if let Some((user, password)) = self.basic.as_ref().filter(|_| at_home) {
            request = request.basic_auth(user, Some(password));
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        request.send().await.map_err(|error| {
            if let Some(said) = cause_with(&error, address::REFUSED) {
                return RequestError::Final(address::refused(&said));
            }
            if error.is_builder() || is_certificate_error(&error) {
                return RequestError::Final(
                    SourceError::new(format!("{} cannot be asked: {}", redacted(url), chain(error)))
                        .with_hint(
                            "check the address and, for https, the system's certificates (ca-certificates)",
                        ),
                );
            }
            RequestError::Passing(chain(error))
        })
    }

    fn take_cookies(&mut self, url: &Url, headers: &HeaderMap) {
        for header in headers.get_all(SET_COOKIE) {
            let Ok(text) = header.to_str() else { continue };
            let mut parts = text.split(';').map(str::trim);
            let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else { continue };
            let host = url.host_str().unwrap_or_default();
            let domain = parts
                .filter_map(|part| part.split_once('='))
                .find(|(key, _)| key.eq_ignore_ascii_case("domain"))
                .map(|(_, domain)| domain.trim_start_matches('.').to_ascii_lowercase())
                .filter(|domain| domain.contains('.') && is_within(host, domain));
            let cookie = Cookie { url: url.clone(), domain, name: name.to_owned(), value: value.to_owned() };
            self.cookies.retain(|kept| kept.name != cookie.name || kept.url.host() != cookie.url.host());
            self.cookies.push(cookie);
        }
    }

    fn cookies_for(&self, url: &Url) -> Option<HeaderValue> {
        let host = url.host_str()?;
        let pairs: Vec<String> = self
            .cookies
            .iter()
            .filter(|cookie| match &cookie.domain {
                Some(domain) => is_within(host, domain) && url.scheme() == cookie.url.scheme(),
                None => url.origin() == cookie.url.origin(),
            })
            .map(|cookie| format!("{}={}", cookie.name, cookie.value))
            .collect();
        if pairs.is_empty() { None } else { HeaderValue::try_from(pairs.join("; ")).ok() }
    }
}

/// A client that follows no redirect by itself.
pub(in crate::source) fn client(options: &FetchOptions) -> Result<Client, SourceError> {
    let mut builder = Client::builder()
        .tls_backend_preconfigured(tls_config()?)
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(options.connect_timeout)
        .read_timeout(options.stall_timeout)
        .user_agent(concat!("elt/", env!("CARGO_PKG_VERSION")));
    if let Some(public_only) = PublicOnly::of(options) {
        // A proxy would resolve the name itself, and nobody could say to what.
        builder = builder.no_proxy().dns_resolver(Arc::new(public_only));
    }
    builder
        .build()
        .map_err(|error| SourceError::new(format!("the HTTP client cannot be set up: {}", chain(error))))
}

/// Refuses a private address where the options do, or what is none at all.
pub(in crate::source) fn check_address(text: &str, options: &FetchOptions) -> Result<(), SourceError> {
    let Some(public_only) = PublicOnly::of(options) else { return Ok(()) };
    let url =
        Url::parse(text).map_err(|error| SourceError::new(format!("the endpoint is no address: {error}")))?;
    public_only.check(&url)
}

fn is_within(host: &str, domain: &str) -> bool {
    host == domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
}

/// Where a redirect or a page's form leads from `url`.
fn next_url(url: &Url, target: &HeaderValue) -> Result<Url, SourceError> {
    let target = target.to_str().ok().and_then(|target| url.join(target).ok());
    let target = target.ok_or_else(|| {
        SourceError::new(format!("{} redirects to something that is no address", redacted(url)))
    })?;
    check_step(url, &target)?;
    Ok(target)
}

/// Refuses a step that leaves http, or https for http.
pub(in crate::source) fn check_step(from: &Url, to: &Url) -> Result<(), SourceError> {
    match (from.scheme(), to.scheme()) {
        ("https", "http") => Err(SourceError::new(format!(
            "{} redirects to the unencrypted {}, which is refused",
            redacted(from),
            redacted(to)
        ))
        .with_hint("if that is right, use the http address itself")),
        (_, "http" | "https") => Ok(()),
        (_, other) => {
            Err(SourceError::new(format!("{} redirects to {other}:, which is refused", redacted(from))))
        }
    }
}

fn tls_config() -> Result<ClientConfig, SourceError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let failed = |error: rustls::Error| SourceError::new(format!("TLS cannot be set up: {error}"));
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(failed)?;
    match builder.clone().with_platform_verifier() {
        Ok(verified) => Ok(verified.with_no_client_auth()),
        Err(error) => {
            // A machine without certificates can still fetch by plain http; https is refused by the empty store.
            tracing::debug!(%error, "no system certificates");
            Ok(builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
        }
    }
}

fn is_certificate_error(error: &reqwest::Error) -> bool {
    cause_with(error, "certificate").is_some()
}

/// The innermost cause that holds `words`.
fn cause_with(error: &reqwest::Error, words: &str) -> Option<String> {
    let mut found = None;
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        found = Some(inner.to_string()).filter(|said| said.contains(words)).or(found);
        cause = inner.source();
    }
    found
}

/// What went wrong and its first cause, without the layers between them, and without the address, which may hold
/// secrets.
pub(in crate::source) fn chain(error: reqwest::Error) -> String {
    let error = error.without_url();
    let what = match &error {
        error if error.is_timeout() => return "timed out".to_owned(),
        error if error.is_connect() => "no connection",
        error if error.is_body() || error.is_decode() => "the answer broke off",
        _ => "the request failed",
    };
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause.and_then(std::error::Error::source) {
        cause = Some(inner);
    }
    cause.map_or_else(|| error.to_string(), |cause| format!("{what}: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).expect("a URL")
    }

    #[test]
    fn a_step_from_https_to_http_or_to_a_file_is_refused() {
        let from = url("https://a.example/x?token=s3cret");
        let error = check_step(&from, &url("http://a.example/y?sig=s3cret")).unwrap_err();
        assert!(!error.message.contains("s3cret"), "{error}");
        assert!(check_step(&from, &url("file:///etc/passwd")).is_err());
        assert!(check_step(&from, &url("https://b.example/")).is_ok());
        assert!(check_step(&url("http://a.example"), &from).is_ok());
    }

    #[test]
    fn cookies_go_back_only_where_they_belong() {
        let mut http = Http::new(&FetchOptions::default(), url("https://drive.google.com/")).unwrap();
        let mut headers = HeaderMap::new();
        headers.append(SET_COOKIE, HeaderValue::from_static("NID=1; Domain=.google.com; Secure"));
        headers.append(SET_COOKIE, HeaderValue::from_static("own=2; Path=/"));
        headers.append(SET_COOKIE, HeaderValue::from_static("evil=3; Domain=example.org"));
        http.take_cookies(&url("https://drive.google.com/uc"), &headers);
        let sent = |to: &str| http.cookies_for(&url(to)).map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(sent("https://drive.google.com/x").unwrap(), "NID=1; own=2; evil=3");
        assert_eq!(sent("https://docs.google.com/x").unwrap(), "NID=1");
        assert_eq!(sent("http://drive.google.com/x"), None);
        assert_eq!(sent("https://example.org/"), None);
        assert_eq!(sent("https://notgoogle.com/"), None);
    }
}
