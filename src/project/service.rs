//! `service:` in `profiles.yml`: where `elt serve` listens, and who may ask how often.

use std::net::IpAddr;
use std::num::NonZeroU32;

use ipnet::IpNet;
use jiff::civil::Date;
use serde::Deserialize;
use serde_yaml::Spanned;
use url::Url;

use super::profile::Reader;
use crate::diagnostic::Diagnostic;
use crate::token::Access;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct WrittenService {
    host: Option<String>,
    port: Option<u16>,
    /// `today`, or a date.
    lookup_date: Option<Spanned<String>>,
    run_token: Option<Spanned<String>>,
    reads: Option<Access>,
    runs: Option<Access>,
    rate_limit: Option<RateLimit>,
    trusted_proxies: Vec<Spanned<String>>,
    cors: Vec<Spanned<String>>,
    hosts: Option<Vec<Spanned<String>>>,
    preview: Option<Preview>,
}

/// Whose first rows the pages show: `true` (of all of prod), `exposed`, `false`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "true, false or exposed")]
pub enum Preview {
    Switch(bool),
    Some(Exposed),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exposed {
    Exposed,
}

/// Requests that one caller may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimit {
    pub per_second: NonZeroU32,
    /// At once; as many as in a second where it says nothing.
    pub burst: Option<NonZeroU32>,
}

/// How `elt serve` answers; see `elt serve --help`.
#[derive(Debug, Clone)]
pub struct Service {
    pub host: String,
    pub port: u16,
    /// The reference day of a lookup: `None` is today.
    pub lookup_date: Option<Date>,
    pub run_token: Option<String>,
    pub reads: Access,
    /// `None`: as the address that is listened on, and the run token, suggest.
    pub runs: Option<Access>,
    pub rate_limit: Option<RateLimit>,
    /// Proxies that are believed when they tell whom they ask for.
    pub trusted_proxies: Vec<IpNet>,
    /// Other sites whose pages may ask.
    pub cors: Vec<String>,
    /// Names by which the service may be asked; `None`: as the address that is listened on suggests.
    pub hosts: Option<Vec<String>>,
    /// `None`: as the address that is listened on suggests.
    pub preview: Option<Preview>,
}

impl Service {
    pub(super) fn read(written: &WrittenService, reader: &mut Reader<'_>) -> Self {
        Self {
            host: written.host.clone().unwrap_or_else(|| "127.0.0.1".into()),
            port: written.port.unwrap_or(8080),
            lookup_date: written.lookup_date.as_ref().and_then(|date| lookup_date(date, reader)),
            run_token: reader.text(written.run_token.as_ref()),
            reads: written.reads.unwrap_or(Access::Open),
            runs: written.runs,
            rate_limit: written.rate_limit,
            trusted_proxies: every(&written.trusted_proxies, reader, network),
            cors: every(&written.cors, reader, origin),
            hosts: written.hosts.as_ref().map(|hosts| every(hosts, reader, host)),
            preview: written.preview,
        }
    }
}

fn lookup_date(written: &Spanned<String>, reader: &mut Reader<'_>) -> Option<Date> {
    if written.value == "today" {
        return None;
    }
    written
        .value
        .parse()
        .map_err(|_| {
            let message = format!("service.lookup_date `{}` is neither `today` nor a date", written.value);
            let problem = Diagnostic::error("bad-date", message).at(reader.place(written));
            reader.problems.push(problem.hint("write it as 2020-06-01"));
        })
        .ok()
}

/// What of a list can be read; the rest is told.
fn every<T>(
    written: &[Spanned<String>],
    reader: &mut Reader<'_>,
    read: impl Fn(&str) -> Result<T, Diagnostic>,
) -> Vec<T> {
    let mut good = Vec::new();
    for text in written {
        match read(&text.value) {
            Ok(value) => good.push(value),
            Err(problem) => {
                let place = reader.place(text);
                reader.problems.push(problem.at(place));
            }
        }
    }
    good
}

fn network(text: &str) -> Result<IpNet, Diagnostic> {
    let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    network.map_err(|_| {
        let message = format!("the trusted proxy `{text}` is neither an address nor a network");
        Diagnostic::error("bad-address", message).hint("write it as 10.0.0.7 or 10.0.0.0/8")
    })
}

/// As a browser sends it: nothing after the host and port.
fn origin(text: &str) -> Result<String, Diagnostic> {
    let is_origin = Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https") && url.origin().ascii_serialization() == text
    });
    if is_origin {
        return Ok(text.to_owned());
    }
    let message = format!("`{text}` under service.cors is not the origin of a site");
    Err(Diagnostic::error("bad-origin", message).hint("write it as https://shop.example.org, without a path"))
}

/// As a browser sends it, without its port: any port will do.
fn host(text: &str) -> Result<String, Diagnostic> {
    let is_host = text.parse::<IpAddr>().is_ok()
        || (!text.is_empty()
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte)));
    if is_host {
        return Ok(text.to_owned());
    }
    let message = format!("`{text}` under service.hosts is not the name of a host");
    Err(Diagnostic::error("bad-host", message).hint("write it as shop.example.org, without scheme and port"))
}
