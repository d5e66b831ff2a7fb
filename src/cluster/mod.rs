//! A private PostgreSQL cluster that elt starts itself, from server programs that are on the machine: files
//! in one folder, a unix socket only its owner can reach, no network. Several elt processes share it; the
//! last one stops it; a killed one leaves it running for the next. Speaks no SQL and prints nothing.

mod binaries;
mod error;
mod home;
mod lock;
mod pid_file;
mod run_as;
mod server;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::{Path, PathBuf};

pub use binaries::{Binaries, find_binaries};
pub use error::ClusterError;

use binaries::Search;
use home::Home;
use lock::{Change, Use};
use pid_file::{Holder, PidFile};
use run_as::{RootWays, RunAs};

/// The cluster's superuser, and the only user of a new cluster.
pub const USER: &str = "elt";

/// An open use of the cluster; others may share it. While it lives, no other elt stops the server.
pub struct Cluster {
    folder: PathBuf,
    home: Home,
    server: PidFile,
    major: u32,
    /// `None` once closed.
    using: Option<Use>,
}

/// What `open` finds and may do on this machine.
struct Conditions {
    search: Search,
    ways: RootWays,
    /// Where the data goes of a user who cannot reach the folder.
    elsewhere: PathBuf,
}

impl Conditions {
    fn of_this_machine() -> Self {
        let (ways, elsewhere) = (RootWays { namespace: true }, "/var/lib/elt".into());
        Self { search: Search::of_this_machine(), ways, elsewhere }
    }
}

impl Cluster {
    /// Starts the private cluster whose files live in `folder` (e.g. `.elt/`, made if missing), or joins the
    /// one that runs. `settings` are server settings for a start, as `name`, `value`; a server that runs
    /// already keeps its own. Blocks: about 0.1 s for a start, more for the first and after a crash.
    ///
    /// Errors: no server programs, a folder that cannot be written, data of another version or owner, a
    /// server that does not come up within 60 s.
    pub fn open(folder: &Path, settings: &[(&str, &str)]) -> Result<Self, ClusterError> {
        Self::open_under(&Conditions::of_this_machine(), folder, settings)
    }

    fn open_under(
        conditions: &Conditions,
        folder: &Path,
        settings: &[(&str, &str)],
    ) -> Result<Self, ClusterError> {
        let folder = home::prepare(folder)?;
        let change = Change::wait(&folder)?;
        let using = Some(Use::begin(&folder, &change)?);
        let known = Home::known(&folder, &conditions.elsewhere);
        if let Some(home) = &known
            && let Some(server) = server::join(home)?
        {
            let major = home.major()?;
            return Ok(Self { folder, home: home.clone(), server, major, using });
        }
        let major = known.as_ref().map(Home::major).transpose()?;
        let binaries = conditions.search.find(major)?;
        let (run_as, home) = match known {
            Some(home) => reopened(conditions, &binaries, &folder, home)?,
            None => made(conditions, &binaries, &folder)?,
        };
        let server = server::start(&binaries, run_as, &home, settings)?;
        Ok(Self { folder, home, server, major: binaries.major, using })
    }

    /// Whether a server of these data runs: this one, or one that was started since.
    pub fn is_there(&self) -> bool {
        !matches!(pid_file::holder(&self.home.data()), Holder::Nobody)
    }

    /// The folder of the server's socket: absolute, and closed to other users.
    pub fn socket_dir(&self) -> &Path {
        &self.server.socket_dir
    }

    /// The number in the socket's name; there is no TCP port.
    pub fn port(&self) -> u16 {
        self.server.port
    }

    /// The superuser's name; the socket asks for no password.
    pub fn user(&self) -> &str {
        USER
    }

    /// PostgreSQL's major version, e.g. 15.
    pub fn version(&self) -> u32 {
        self.major
    }

    /// What `show data_directory` answers on this server.
    pub fn data_dir(&self) -> PathBuf {
        self.home.data()
    }

    /// The server's log, for messages.
    pub fn log_file(&self) -> PathBuf {
        self.home.log()
    }

    /// Ends this use; the last user stops the server and waits for it. Errors: it has not stopped after 30 s,
    /// or the locks cannot be had. Dropping does the same and forgets the error.
    pub fn close(mut self) -> Result<(), ClusterError> {
        self.end()
    }

    fn end(&mut self) -> Result<(), ClusterError> {
        let Some(using) = self.using.take() else { return Ok(()) };
        let change = Change::wait(&self.folder)?;
        if using.end(&change)?
            && let Holder::Server(server) = pid_file::holder(&self.home.data())
        {
            server::stop(&self.home, &server)?;
        }
        Ok(())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            tracing::warn!(%error, "the cluster was not stopped");
        }
    }
}

/// Stops the cluster of `folder` if one was left running, and deletes its data and log. Nothing there is no
/// error. Errors: another elt is using it.
pub fn remove(folder: &Path) -> Result<(), ClusterError> {
    remove_under(&Conditions::of_this_machine(), folder)
}

fn remove_under(conditions: &Conditions, folder: &Path) -> Result<(), ClusterError> {
    if !folder.join("cluster").is_dir() {
        return Ok(());
    }
    let folder = home::prepare(folder)?;
    let change = Change::wait(&folder)?;
    if !Use::begin(&folder, &change)?.end(&change)? {
        return Err(ClusterError::InUse { path: folder });
    }
    while let Some(home) = Home::known(&folder, &conditions.elsewhere) {
        if let Holder::Server(server) = pid_file::holder(&home.data()) {
            server::stop(&home, &server)?;
        }
        fs::remove_dir_all(home.data()).map_err(ClusterError::folder("delete", &home.data()))?;
        let _ = fs::remove_file(home.log());
    }
    Ok(())
}

/// Data that were there: run by whom they belong to.
fn reopened(
    conditions: &Conditions,
    binaries: &Binaries,
    folder: &Path,
    home: Home,
) -> Result<(RunAs, Home), ClusterError> {
    let data = home.major()?;
    if data != binaries.major {
        return Err(ClusterError::OtherMajor { path: home.data(), data, programs: binaries.major });
    }
    if let Some(run_as) = run_as::of_owner(home.owner()?) {
        return Ok((run_as, home));
    }
    let (run_as, away) = run_as::choose(binaries, home.root(), &conditions.elsewhere, conditions.ways)?;
    if let RunAs::Mapped(_) = run_as {
        return Ok((run_as, home));
    }
    // Root's own data, from a time when the kernel allowed a namespace.
    let to = if away { Home::away(folder, &conditions.elsewhere) } else { home.clone() };
    Ok((run_as, home.hand_over(to, run_as)?))
}

/// No data yet.
fn made(conditions: &Conditions, binaries: &Binaries, folder: &Path) -> Result<(RunAs, Home), ClusterError> {
    let (run_as, away) = run_as::choose(binaries, folder, &conditions.elsewhere, conditions.ways)?;
    let home = if away { Home::away(folder, &conditions.elsewhere) } else { Home::here(folder) };
    server::make_data(binaries, run_as, &home)?;
    Ok((run_as, home))
}
