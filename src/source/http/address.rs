//! Which addresses are nobody's business from outside: the machine itself, its network, the metadata
//! service of a cloud. Where the profile says so, a name is resolved once, judged, and only what was judged
//! is connected to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use crate::source::{FetchOptions, SourceError};

/// Resolves names as the system does, and gives only public addresses, but for names that are allowed.
#[derive(Clone)]
pub(super) struct PublicOnly {
    allowed: Arc<[Host]>,
}

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        let host = name.as_str().to_owned();
        let allowed = self.allowed.contains(&Host::Domain(host.clone()));
        Box::pin(async move {
            // The port is the client's to set.
            let found: Vec<SocketAddr> = tokio::net::lookup_host((host.as_str(), 0)).await?.collect();
            // One private address among public ones is a trap, not a choice.
            let private = found.iter().find(|address| !allowed && !is_public(address.ip()));
            if let Some(private) = private {
                return Err(format!("{host} has the private address {}, {REFUSED}", private.ip()).into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// How the error of a refused name ends, by which it is known again.
pub(super) const REFUSED: &str = "which the profile refuses";

impl PublicOnly {
    /// Where the options ask for it.
    pub fn of(options: &FetchOptions) -> Option<Self> {
        options.refuse_private_addresses.then(|| Self { allowed: options.allow_hosts.clone().into() })
    }

    /// Refuses an address that is written as a number: no name is resolved for it.
    pub fn check(&self, url: &Url) -> Result<(), SourceError> {
        let address = match url.host() {
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
            _ => return Ok(()),
        };
        let allowed = url.host().is_some_and(|host| self.allowed.contains(&host.to_owned()));
        if allowed || is_public(address) {
            return Ok(());
        }
        Err(refused(&format!("{address} is a private address, {REFUSED}")))
    }
}

pub(super) fn refused(why: &str) -> SourceError {
    SourceError::new(why).with_hint(
        "fetch.refuse_private_addresses in profiles.yml allows only public addresses and the hosts in \
         fetch.allow_hosts",
    )
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        // This network; shared by carriers; protocol assignments; benchmarks; reserved and broadcast.
        || a == 0
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (b == 18 || b == 19))
        || a >= 240;
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let part = address.segments();
    let embedded = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match part {
        // Mapped, and translated by NAT64 or 6to4: what counts is the address inside.
        [0, 0, 0, 0, 0, 0xffff, high, low] => embedded(high, low),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => embedded(high, low),
        [0x2002, high, low, ..] => embedded(high, low),
        // Teredo, documentation, benchmarks; then only what is given out for the open net.
        [0x2001, 0..=0x01ff, ..] | [0x2001, 0x0db8, ..] => false,
        [first, ..] => (0x2000..=0x3fff).contains(&first),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses_are_known_in_all_their_clothes() {
        for text in [
            "127.0.0.1",
            "127.8.9.1",
            "10.1.2.3",
            "172.31.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "192.0.0.8",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "fec0::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::7f00:1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2001:0:1::1",
            "2001:db8::1",
        ] {
            let address: IpAddr = text.parse().unwrap();
            assert!(!is_public(address), "{text}");
        }
        for text in
            ["1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700:4700::1111", "2a00:1450::1", "::ffff:8.8.8.8"]
        {
            let address: IpAddr = text.parse().unwrap();
            assert!(is_public(address), "{text}");
        }
    }

    fn public_only(allowed: &[&str]) -> PublicOnly {
        PublicOnly { allowed: allowed.iter().map(|host| Host::parse(host).unwrap()).collect() }
    }

    #[test]
    fn a_host_is_allowed_as_it_is_spelled_and_no_other_name_of_it() {
        let allowed = public_only(&["127.0.0.1", "intranet.example"]);
        let check = |text: &str| allowed.check(&Url::parse(text).unwrap()).is_ok();
        assert!(check("http://127.0.0.1:8080/") && check("http://2130706433/"));
        assert!(!check("http://127.0.0.2/") && !check("http://[::1]/") && !check("http://[::ffff:7f00:1]/"));
    }

    #[tokio::test]
    async fn a_name_that_leads_to_a_private_address_is_refused_unless_it_is_allowed() {
        use std::str::FromStr;
        let name = || Name::from_str("localhost").unwrap();
        let refused = public_only(&["127.0.0.1", "[::1]"]).resolve(name()).await.err().unwrap().to_string();
        assert!(refused.starts_with("localhost has the private address "), "{refused}");
        assert!(refused.ends_with(REFUSED), "{refused}");
        assert!(public_only(&["localhost"]).resolve(name()).await.is_ok());
    }

    #[test]
    fn a_number_in_any_spelling_is_judged_as_the_address_it_is() {
        let check = |url: &Url| public_only(&[]).check(url);
        for text in [
            "http://127.0.0.1/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://[::1]/",
            "http://[::ffff:7f00:1]/",
        ] {
            assert!(check(&Url::parse(text).unwrap()).is_err(), "{text}");
        }
        assert!(check(&Url::parse("http://example.org/").unwrap()).is_ok());
    }
}
