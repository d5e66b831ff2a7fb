//! By which name the service is asked. A page of another site can have its own name lead to this machine, and is
//! then of one origin with the service for the browser; but the name stays the site's.

use std::net::IpAddr;

use actix_web::http::header::{HOST, HeaderMap};

/// Names that are the service's; `None` allows any.
pub struct Hosts(Option<Vec<String>>);

impl Hosts {
    /// `named`: names besides this machine's own.
    pub fn new(named: Option<&[String]>) -> Self {
        Self(named.map(|named| named.iter().map(|name| name.to_ascii_lowercase()).collect()))
    }

    /// Whether a request is meant for us. Who names no host is no browser.
    pub fn know(&self, headers: &HeaderMap) -> bool {
        let Some(named) = &self.0 else { return true };
        let mut hosts = headers.get_all(HOST);
        let Some(host) = hosts.next() else { return true };
        let Ok(host) = host.to_str() else { return false };
        hosts.next().is_none() && is_named(name(host), named)
    }
}

/// Without the port.
fn name(host: &str) -> &str {
    if let Some((address, _)) = host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return address;
    }
    let end = host.bytes().rposition(|byte| byte == b':').unwrap_or(host.len());
    let name = &host[..end];
    name.strip_suffix('.').unwrap_or(name)
}

fn is_named(name: &str, named: &[String]) -> bool {
    // Browsers take whatever ends in `localhost` to their own machine.
    let ends_well = || name.rsplit('.').next().is_some_and(|end| end.eq_ignore_ascii_case("localhost"));
    matches!(name, "localhost" | "127.0.0.1")
        || ends_well()
        || named.iter().any(|own| own.eq_ignore_ascii_case(name))
        || name.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn known(hosts: &[&'static str], named: &[&str]) -> bool {
        let named: Vec<String> = named.iter().map(|name| (*name).to_owned()).collect();
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(HOST, HeaderValue::from_static(host));
        }
        Hosts::new(Some(&named)).know(&headers)
    }

    #[test]
    fn only_this_machines_names_and_those_that_are_listed_are_known() {
        for own in
            ["localhost", "LocalHost:8080", "127.0.0.1:8080", "127.9.9.9", "[::1]:8080", "[::ffff:127.0.0.1]"]
        {
            assert!(known(&[own], &[]), "{own}");
        }
        assert!(known(&["elt.localhost."], &[]));
        assert!(known(&["Shop.example.org:443"], &["shop.EXAMPLE.org"]));
        assert!(known(&[], &[]));
        for foreign in [
            "evil.example",
            "localhost.evil.example:8080",
            "127.0.0.1.evil.example",
            "192.168.0.7",
            "0.0.0.0",
            "[::]",
            "",
            ":8080",
            "localhost@evil.example",
        ] {
            assert!(!known(&[foreign], &["shop.example.org"]), "{foreign}");
        }
        assert!(!known(&["localhost", "evil.example"], &[]));
        assert!(Hosts::new(None).know(&HeaderMap::from_iter([(HOST, HeaderValue::from_static("any"))])));
    }
}
