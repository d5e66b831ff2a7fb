//! S3-compatible object stores: which objects there are, and an address, signed for a while, at which each
//! can be fetched like any other download: resumed, cached, limited. Knows nothing of how bytes come.

use std::str::FromStr;
use std::time::Duration;

use futures_util::TryStreamExt;
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::client::{ClientOptions, HttpClient, HttpConnector};
use object_store::path::Path;
use object_store::signer::Signer;
use object_store::{ObjectStore, RetryConfig};
use url::Url;

use super::http;
use super::list::{Piece, fixed_part, is_pattern, matcher};
use super::{FetchOptions, Location, SourceError};

/// For how long a signed address is good: a download and its resumes.
const SIGNED_FOR: Duration = Duration::from_secs(6 * 3600);

/// The objects behind a pattern, or below a prefix that ends in a slash, by name.
pub(super) async fn list(bucket: &str, key: &str, options: &FetchOptions) -> Result<Vec<Piece>, SourceError> {
    let shown = format!("s3://{bucket}/{key}");
    let store = store(bucket, options)?;
    let (prefix, pattern) = match is_pattern(key) {
        true => (fixed_part(key).to_string_lossy().into_owned(), Some(matcher(key)?)),
        false => (key.trim_end_matches('/').to_owned(), None),
    };
    let prefix = path(&prefix, &shown)?;
    let found: Vec<_> =
        store.list(Some(&prefix)).try_collect().await.map_err(|error| listing_failed(&shown, &error))?;
    let wanted = found.into_iter().filter(|object| {
        let name = object.location.as_ref();
        pattern.as_ref().is_none_or(|pattern| pattern.is_match(name))
    });
    let mut pieces: Vec<Piece> = wanted
        .map(|object| {
            let key = object.location.to_string();
            let name = format!("s3://{bucket}/{key}");
            let version = object.e_tag.unwrap_or_else(|| object.last_modified.to_rfc3339());
            Piece {
                location: Location::Object { bucket: bucket.to_owned(), key },
                name,
                bytes: Some(object.size),
                version: Some(version),
            }
        })
        .collect();
    pieces.sort_by(|a, b| a.name.cmp(&b.name));
    if pieces.is_empty() {
        return Err(SourceError::new(format!("no object matches {shown}"))
            .with_hint("`*` is any part of a name, `**` any folders"));
    }
    Ok(pieces)
}

/// The key as it is: no character of it is to be escaped twice.
fn path(key: &str, shown: &str) -> Result<Path, SourceError> {
    Path::parse(key).map_err(|_| {
        SourceError::new(format!("{shown} cannot be asked for: a part of its key is empty, `.` or `..`"))
            .with_hint("rename the object")
    })
}

/// Where an object can be fetched for some hours.
pub(super) async fn signed_url(bucket: &str, key: &str, options: &FetchOptions) -> Result<Url, SourceError> {
    let shown = format!("s3://{bucket}/{key}");
    let store = store(bucket, options)?;
    let path = path(key, &shown)?;
    let url = store.signed_url(reqwest::Method::GET, &path, SIGNED_FOR).await;
    url.map_err(|error| failed(&shown, &error))
}

/// A signed address without what changes from signature to signature.
pub(super) fn identity(signed: &Url) -> Url {
    let mut plain = signed.clone();
    plain.set_query(None);
    plain
}

fn store(bucket: &str, options: &FetchOptions) -> Result<AmazonS3, SourceError> {
    let client = http::client(options)?;
    let retries = RetryConfig { max_retries: options.retries, ..RetryConfig::default() };
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(bucket)
        .with_http_connector(Ready(client))
        .with_retry(retries);
    let mut known = false;
    for (name, value) in options.store.iter().filter(|(_, value)| !value.is_empty()) {
        // Other AWS variables are for other programs.
        let Ok(word) = AmazonS3ConfigKey::from_str(name) else { continue };
        known |= ["aws_access_key_id", "aws_web_identity_token_file"].contains(&name.as_str())
            || name.starts_with("aws_container_credentials");
        if name.starts_with("aws_endpoint") {
            // Names are judged as they are resolved; a number is resolved by nobody.
            http::check_address(value, options)?;
            if value.starts_with("http://") {
                builder = builder.with_allow_http(true);
            }
        }
        builder = builder.with_config(word, value);
    }
    if !known {
        return Err(SourceError::new(format!("there is no login for s3://{bucket}"))
            .with_hint("set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or auth={'access_key_id': env_var('…'), 'secret_access_key': env_var('…')}"));
    }
    builder.build().map_err(|error| failed(&format!("s3://{bucket}"), &error))
}

/// Hands out the client that elt's downloads use, too: its TLS, its timeouts, its public addresses.
#[derive(Debug)]
struct Ready(reqwest::Client);

impl HttpConnector for Ready {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.0.clone()))
    }
}

/// One key that has no way to be written as a path stands before all others.
fn listing_failed(shown: &str, error: &object_store::Error) -> SourceError {
    if innermost(error).contains("path segment") {
        let message = format!("{shown} cannot be listed: {}", innermost(error));
        return SourceError::new(message)
            .with_hint("rename that object, or name a folder that does not hold it");
    }
    failed(shown, error)
}

fn failed(shown: &str, error: &object_store::Error) -> SourceError {
    let hint = match error {
        object_store::Error::NotFound { .. } => "check the bucket and the name",
        object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. } => {
            "check the keys and what they may read"
        }
        _ => "check the keys, `region` and `endpoint`",
    };
    SourceError::new(format!("{shown} cannot be reached: {}", innermost(error))).with_hint(hint)
}

/// The last cause in one line: those before it repeat addresses.
fn innermost(error: &object_store::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    let text = cause.to_string();
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    text.chars().take(300).collect()
}
