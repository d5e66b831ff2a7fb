//! Where traces go, as OpenTelemetry's environment variables say it.

use std::collections::BTreeMap;

use serde_json::Value;
use url::Url;

use super::span::attribute;

/// A collector, and what every span belongs to.
#[derive(Debug, Clone)]
pub struct Settings {
    pub(super) url: Url,
    pub(super) headers: Vec<(String, String)>,
    /// Trace and span of who called elt, from `TRACEPARENT`.
    pub(super) parent: Option<(String, String)>,
    resource: Vec<(String, String)>,
}

impl Settings {
    /// `None` where no endpoint is set or traces are turned off; an error is a sentence for the user.
    pub fn of(env: &BTreeMap<String, String>) -> Option<Result<Self, String>> {
        let get = |name: &str| env.get(name).map(|value| value.trim()).filter(|value| !value.is_empty());
        let is = |name: &str, word: &str| get(name).is_some_and(|value| value.eq_ignore_ascii_case(word));
        if is("OTEL_SDK_DISABLED", "true") || is("OTEL_TRACES_EXPORTER", "none") {
            return None;
        }
        let written = match (get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"), get("OTEL_EXPORTER_OTLP_ENDPOINT")) {
            (Some(own), _) => own.to_owned(),
            (None, Some(base)) => format!("{}/v1/traces", base.trim_end_matches('/')),
            (None, None) => return None,
        };
        let url = match Url::parse(&written) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => url,
            _ => return Some(Err(format!("no trace is sent: `{written}` is no http address"))),
        };
        let headers = get("OTEL_EXPORTER_OTLP_TRACES_HEADERS").or(get("OTEL_EXPORTER_OTLP_HEADERS"));
        let mut resource = pairs(get("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default());
        let service = get("OTEL_SERVICE_NAME").map(str::to_owned);
        if let Some(service) =
            service.or_else(|| resource.iter().all(|(name, _)| name != "service.name").then(|| "elt".into()))
        {
            resource.retain(|(name, _)| name != "service.name");
            resource.insert(0, ("service.name".into(), service));
        }
        resource.push(("service.version".into(), env!("CARGO_PKG_VERSION").into()));
        Some(Ok(Self {
            url,
            headers: pairs(headers.unwrap_or_default()),
            parent: get("TRACEPARENT").and_then(parent),
            resource,
        }))
    }

    pub(super) fn resource(&self) -> Vec<Value> {
        self.resource.iter().map(|(name, value)| attribute(name, value.as_str())).collect()
    }
}

/// `name=value,name=value`, values percent-encoded.
fn pairs(text: &str) -> Vec<(String, String)> {
    let parts = text.split(',').filter_map(|part| part.split_once('='));
    parts.map(|(name, value)| (name.trim().to_owned(), decoded(value.trim()))).collect()
}

fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while at < bytes.len() {
        let code = text.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// `00-<trace>-<span>-<flags>` of W3C's trace context.
fn parent(text: &str) -> Option<(String, String)> {
    let parts: Vec<&str> = text.split('-').collect();
    let is_id = |text: &str, length: usize| {
        let digits = text.bytes().all(|byte| byte.is_ascii_hexdigit() && !byte.is_ascii_uppercase());
        text.len() == length && digits && text.bytes().any(|byte| byte != b'0')
    };
    match parts.as_slice() {
        [_, trace, span, _] if is_id(trace, 32) && is_id(span, 16) => {
            Some(((*trace).to_owned(), (*span).to_owned()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(vars: &[(&str, &str)]) -> Option<Result<Settings, String>> {
        Settings::of(&vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn the_environment_says_where_and_whether() {
        assert!(of(&[]).is_none());
        assert!(
            of(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318"), ("OTEL_SDK_DISABLED", "true")]).is_none()
        );
        let all = of(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318/"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=a%20b,x=1"),
            ("OTEL_RESOURCE_ATTRIBUTES", "service.name=shop,team=data"),
        ]);
        let settings = all.unwrap().unwrap();
        assert_eq!(settings.url.as_str(), "http://c:4318/v1/traces");
        assert_eq!(settings.headers, [("api-key".into(), "a b".into()), ("x".into(), "1".into())]);
        assert_eq!(settings.resource[0], ("service.name".into(), "shop".into()));
        let own = of(&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://c/t"), ("OTEL_SERVICE_NAME", "n")]);
        let own = own.unwrap().unwrap();
        assert_eq!((own.url.as_str(), own.resource[0].1.as_str()), ("https://c/t", "n"));
        assert!(of(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "c:4317")]).unwrap().is_err());
    }

    #[test]
    fn a_parent_is_read_where_it_is_whole() {
        let (trace, span) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
        assert_eq!(parent(&format!("00-{trace}-{span}-01")), Some((trace.into(), span.into())));
        assert_eq!(parent(&format!("00-{trace}-0000000000000000-01")), None);
        assert_eq!(parent("x"), None);
    }
}
