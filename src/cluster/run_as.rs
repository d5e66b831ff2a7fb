//! As whom the server's programs run. PostgreSQL refuses root, so root becomes somebody else: in a user
//! namespace where the kernel allows one (no file changes hands), else as the user `postgres` or `nobody`.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use super::ClusterError;
use super::binaries::Binaries;

/// A user of `/etc/passwd`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct User {
    pub uid: u32,
    pub gid: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunAs {
    Myself,
    /// Root outside, this user inside: PostgreSQL sees files of its own and asks for the user's name.
    Mapped(User),
    /// Really this user, whose the data folder must be.
    Other(User),
}

impl RunAs {
    /// Who owns the files that these programs make.
    pub fn owner(self) -> User {
        match self {
            Self::Other(user) => user,
            Self::Myself | Self::Mapped(_) => {
                User { uid: rustix::process::geteuid().as_raw(), gid: rustix::process::getegid().as_raw() }
            }
        }
    }

    /// A command that hears no Ctrl-C of the terminal and nothing of the caller's `PG*` variables.
    pub fn command(self, program: &Path, folder: &Path) -> Command {
        let mut command = Command::new(program);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PG") {
                command.env_remove(name);
            }
        }
        // The log is read for one English message, and initdb writes the zone it finds into the settings.
        command.env("LC_ALL", "C").env("TZ", "UTC");
        command.current_dir(folder).stdin(Stdio::null()).process_group(0);
        match self {
            Self::Myself => {}
            Self::Other(user) => {
                command.uid(user.uid).gid(user.gid);
            }
            Self::Mapped(user) => enter_namespace(&mut command, user),
        }
        command
    }

    /// Whether the server's programs can be run this way with `folder` as theirs.
    fn works(self, binaries: &Binaries, folder: &Path) -> Result<(), String> {
        let mut command = self.command(&binaries.postgres(), folder);
        match command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status() {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(status.to_string()),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// Which ways root may try; all but in tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RootWays {
    pub namespace: bool,
}

/// As whom, and whether the data must leave `folder` because that user cannot reach it.
pub fn choose(
    binaries: &Binaries,
    folder: &Path,
    elsewhere: &Path,
    ways: RootWays,
) -> Result<(RunAs, bool), ClusterError> {
    if !rustix::process::geteuid().is_root() {
        return Ok((RunAs::Myself, false));
    }
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let user = user_named(&users, "postgres").or_else(|| user_named(&users, "nobody"));
    let Some(user) = user else {
        let namespace = "it would need the user too".to_owned();
        let user = "there is no user `postgres` or `nobody`".to_owned();
        return Err(ClusterError::Root { namespace, user });
    };
    let mapped = RunAs::Mapped(user);
    let refused = if ways.namespace { mapped.works(binaries, folder) } else { Err("not tried".to_owned()) };
    let Err(namespace) = refused else { return Ok((mapped, false)) };
    let other = RunAs::Other(user);
    // The folder itself will be opened to this user; its parents are not elt's to open.
    if other.works(binaries, folder.parent().unwrap_or(folder)).is_ok() {
        return Ok((other, false));
    }
    // The parents of `elsewhere` are open to all, so a failure here is about the user, not the folder.
    match other.works(binaries, elsewhere.ancestors().find(|path| path.is_dir()).unwrap_or(Path::new("/"))) {
        Ok(()) => Ok((other, true)),
        Err(why) => {
            let user = format!("the programs do not run as user number {}: {why}", user.uid);
            Err(ClusterError::Root { namespace, user })
        }
    }
}

/// As whom a cluster of these files was run before. `None`: as root, so in a namespace.
pub fn of_owner(owner: User) -> Option<RunAs> {
    let me = rustix::process::geteuid().as_raw();
    match (me, owner.uid) {
        (0, 0) => None,
        (0, _) => Some(RunAs::Other(owner)),
        _ => Some(RunAs::Myself),
    }
}

fn user_named(passwd: &str, name: &str) -> Option<User> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(name)).then_some(())?;
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        (uid != 0).then_some(User { uid, gid })
    })
}

#[cfg(not(target_os = "linux"))]
fn enter_namespace(command: &mut Command, _: User) {
    // SAFETY: the closure only makes an error value, without allocating.
    unsafe { command.pre_exec(|| Err(std::io::ErrorKind::Unsupported.into())) };
}

#[cfg(target_os = "linux")]
fn enter_namespace(command: &mut Command, user: User) {
    use rustix::thread::{UnshareFlags, unshare_unsafe};

    let uid_map = format!("{} 0 1", user.uid);
    let gid_map = format!("{} {} 1", user.gid, rustix::process::getegid().as_raw());
    // SAFETY: between fork and exec only calls that are safe after a signal may be made, as another thread may
    // have held any lock at the fork. The closure makes system calls alone: unshare, and open, write and close
    // on short constant paths, which std copies to the stack; the texts were made before the fork, and an
    // error is a bare number. `unshare_unsafe` asks nothing more for NEWUSER: no descriptor table is parted.
    unsafe {
        command.pre_exec(move || {
            unshare_unsafe(UnshareFlags::NEWUSER)?;
            write_map("/proc/self/setgroups", "deny")?;
            write_map("/proc/self/uid_map", &uid_map)?;
            write_map("/proc/self/gid_map", &gid_map)
        });
    }
}

/// Not `fs::write`, which would create the file: these exist or the kernel has no such thing.
#[cfg(target_os = "linux")]
fn write_map(path: &str, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    fs::OpenOptions::new().write(true).open(path)?.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_read_from_passwd_and_root_is_none() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\npostgres:x:101:103:x:/:/bin/sh\nfake:x:0:0::/:/bin/sh\n";
        assert_eq!(user_named(passwd, "postgres"), Some(User { uid: 101, gid: 103 }));
        assert_eq!(user_named(passwd, "post"), None);
        assert_eq!(user_named(passwd, "fake"), None);
    }
}
