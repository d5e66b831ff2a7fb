//! Whose address a request comes from, behind proxies that are trusted to tell.

use std::net::{IpAddr, Ipv4Addr};

use actix_web::dev::RequestHead;
use actix_web::http::header::HeaderName;
use ipnet::IpNet;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Proxies whose word counts.
pub struct Proxies(pub Vec<IpNet>);

impl Proxies {
    /// The connection's other end; if that is a trusted proxy, the last address of X-Forwarded-For that is
    /// not one. What stands before that was written by the caller, who may write anything.
    pub fn caller(&self, request: &RequestHead) -> IpAddr {
        let peer = request.peer_addr.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip());
        if !self.trusts(peer) {
            return peer;
        }
        let lines: Vec<&str> =
            request.headers().get_all(FORWARDED_FOR).filter_map(|line| line.to_str().ok()).collect();
        let mut farthest = peer;
        for hop in lines.iter().rev().flat_map(|line| line.rsplit(',')) {
            let Ok(hop) = hop.trim().parse::<IpAddr>() else { break };
            farthest = hop;
            if !self.trusts(hop) {
                break;
            }
        }
        farthest
    }

    fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn caller(trusted: &[&str], peer: &str, forwarded: &[&str]) -> String {
        let trusted = trusted.iter().map(|network| network.parse().unwrap()).collect();
        let mut request = TestRequest::default().peer_addr(format!("{peer}:1").parse().unwrap());
        for line in forwarded {
            request = request.append_header(("x-forwarded-for", *line));
        }
        Proxies(trusted).caller(request.to_http_request().head()).to_string()
    }

    #[test]
    fn only_trusted_proxies_are_believed_and_only_as_far_as_they_know() {
        assert_eq!(caller(&[], "192.0.2.1", &["198.51.100.7"]), "192.0.2.1");
        assert_eq!(caller(&["10.0.0.0/8"], "10.1.2.3", &["198.51.100.7"]), "198.51.100.7");
        assert_eq!(
            caller(&["10.0.0.0/8"], "10.1.2.3", &["203.0.113.9, 198.51.100.7, 10.9.9.9"]),
            "198.51.100.7"
        );
        assert_eq!(caller(&["10.0.0.0/8"], "10.1.2.3", &["203.0.113.9", "198.51.100.7"]), "198.51.100.7");
        assert_eq!(caller(&["10.0.0.0/8"], "10.1.2.3", &["gibberish, 10.4.4.4"]), "10.4.4.4");
        assert_eq!(caller(&["10.1.2.3/32"], "10.1.2.3", &[]), "10.1.2.3");
    }
}
