//! The profile's part about downloads.

use std::net::Ipv6Addr;

use serde::Deserialize;
use url::Host;

/// Limits of what is downloaded.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Fetch {
    pub max_bytes: Option<u64>,
    /// Seconds without a byte before a download counts as dead.
    pub stall_seconds: Option<u64>,
    pub retries: Option<usize>,
    /// Bytes that a packed file may unpack to.
    pub max_unpacked_bytes: Option<u64>,
    /// Bytes of memory that the cells of a workbook may take.
    pub max_workbook_bytes: Option<u64>,
    /// A download that nobody asked for in so many days is removed.
    pub cache_days: Option<u64>,
    /// Of more downloads than this, in bytes, those that were not asked for longest are removed.
    pub cache_bytes: Option<u64>,
    /// Only public addresses are asked, also after redirects and whatever a name resolves to.
    pub refuse_private_addresses: bool,
    /// Hosts that may be private all the same.
    pub allow_hosts: Vec<AllowedHost>,
    /// Where Google Drive is, for those who reach it by a proxy.
    pub google_drive_url: Option<url::Url>,
}

/// A name or an address, as it stands in an address that is asked.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct AllowedHost(pub Host);

impl TryFrom<String> for AllowedHost {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let number = text.parse::<Ipv6Addr>().map(Host::Ipv6).ok();
        let host = number.or_else(|| Host::parse(&text).ok());
        let host = host.filter(|host| !matches!(host, Host::Domain(name) if name.contains('*')));
        host.map(Self).ok_or_else(|| {
            format!(
                "`{text}` is no host: write a name or an address as it stands in the source, without a port"
            )
        })
    }
}
