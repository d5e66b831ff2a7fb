//! Where a run happens: its database and target, the project's folder, and how its sources are fetched.

use std::path::PathBuf;

use crate::database::Connector;
use crate::project::{Project, Target};
use crate::secret::Secrets;
use crate::source::FetchOptions;

/// Where a run happens.
#[derive(Clone)]
pub struct Place {
    pub connector: Connector,
    pub target: Target,
    pub root: PathBuf,
    pub fetch: FetchOptions,
    /// Hidden in all that is written down.
    pub secrets: Secrets,
}

impl Place {
    /// The project's own target, reached by `connector`.
    pub fn of(project: &Project, connector: &Connector) -> Self {
        Self {
            connector: connector.clone(),
            target: project.target.clone(),
            root: project.root.clone(),
            fetch: fetch_options(project),
            secrets: Secrets::of(&project.env),
        }
    }
}

/// How this project's sources are fetched.
fn fetch_options(project: &Project) -> FetchOptions {
    let written = &project.profile.fetch;
    let mut options = FetchOptions { cache_dir: project.root.join(".elt/cache"), ..FetchOptions::default() };
    if let Some(bytes) = written.max_bytes {
        options.max_bytes = bytes;
    }
    if let Some(seconds) = written.stall_seconds {
        options.stall_timeout = std::time::Duration::from_secs(seconds);
    }
    if let Some(retries) = written.retries {
        options.retries = retries;
    }
    if let Some(days) = written.cache_days {
        options.cache_for = std::time::Duration::from_secs(days.saturating_mul(24 * 3600));
    }
    if let Some(bytes) = written.cache_bytes {
        options.cache_bytes = bytes;
    }
    options.refuse_private_addresses = written.refuse_private_addresses;
    options.allow_hosts = written.allow_hosts.iter().map(|host| host.0.clone()).collect();
    if let Some(bytes) = written.max_unpacked_bytes {
        options.max_unpacked_bytes = bytes;
    }
    if let Some(bytes) = written.max_workbook_bytes {
        options.max_workbook_bytes = bytes;
    }
    let store = project.env.iter().filter(|(name, _)| name.starts_with("AWS_"));
    options.store = store.map(|(name, value)| (name.to_ascii_lowercase(), value.clone())).collect();
    if let Some(url) = &written.google_drive_url {
        options.google_drive_url = url.clone();
    }
    options
}
