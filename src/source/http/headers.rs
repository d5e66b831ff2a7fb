//! What a download reads from a server's headers and writes into its own.

use std::time::Duration;

use reqwest::header::{CONTENT_RANGE, ETAG, HeaderMap, HeaderName, HeaderValue, LAST_MODIFIED};

use super::cache::Validator;

pub(in crate::source) fn set(headers: &mut HeaderMap, name: HeaderName, value: Option<&str>) {
    if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
        headers.insert(name, value);
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.to_owned())
}

pub(in crate::source) fn number(headers: &HeaderMap, name: HeaderName) -> Option<u64> {
    text(headers, name)?.parse().ok()
}

pub(in crate::source) fn validator(headers: &HeaderMap) -> Validator {
    Validator { etag: text(headers, ETAG), last_modified: text(headers, LAST_MODIFIED) }
}

/// Whether a 206 goes on exactly at byte `received`, in a file of the same length and version.
pub(in crate::source) fn continues(
    headers: &HeaderMap,
    received: u64,
    known_total: Option<u64>,
    version: &Validator,
) -> bool {
    let range = text(headers, CONTENT_RANGE);
    let parts = range.as_deref().and_then(|range| range.strip_prefix("bytes ")?.split_once('/'));
    let Some((span, total)) = parts else { return false };
    let starts = span.split_once('-').and_then(|(start, _)| start.parse().ok()) == Some(received);
    let same_length = total == "*" || known_total.is_none() || total.parse().ok() == known_total;
    let etag = text(headers, ETAG);
    let same_version = etag.is_none() || version.etag.is_none() || etag == version.etag;
    starts && same_length && same_version
}

/// Seconds, or a date.
pub(in crate::source) fn retry_after(value: &HeaderValue) -> Option<Duration> {
    let value = value.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(value).ok()?.timestamp();
    Some(Duration::try_from(date.duration_since(jiff::Timestamp::now())).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_read_in_both_spellings() {
        assert_eq!(retry_after(&HeaderValue::from_static("7")), Some(Duration::from_secs(7)));
        let past = HeaderValue::from_static("Wed, 21 Oct 2015 07:28:00 GMT");
        assert_eq!(retry_after(&past), Some(Duration::ZERO));
        let far = retry_after(&HeaderValue::from_static("Fri, 21 Oct 2095 07:28:00 GMT"));
        assert!(far.is_some_and(|wait| wait > Duration::from_secs(86_400)));
        assert_eq!(retry_after(&HeaderValue::from_static("soon")), None);
    }
}
