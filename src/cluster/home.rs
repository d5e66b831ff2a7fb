//! Where the cluster's files lie: folders made, owned and closed as PostgreSQL wants them. Starts nothing.

use std::env;
use std::ffi::OsStr;
use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::ClusterError;
use super::run_as::{RunAs, User};

/// The server listens on no network, so every cluster has the same port in a socket folder of its own.
pub const PORT: u16 = 5432;

/// What the kernel takes for a socket's path. Unit: bytes.
const LONGEST_SOCKET: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

/// The folder that holds `data`, `socket` and `server.log`.
#[derive(Debug, Clone)]
pub struct Home {
    root: PathBuf,
}

/// Makes and opens to its owner alone the folder of the locks, `<folder>/cluster`; answers its real path.
pub fn prepare(folder: &Path) -> Result<PathBuf, ClusterError> {
    fs::create_dir_all(folder).map_err(ClusterError::folder("make the folder", folder))?;
    let folder = folder.join("cluster");
    make_private(&folder)?;
    let (owner, me) = (owner_of(&folder)?.uid, rustix::process::geteuid());
    if !me.is_root() && owner != me.as_raw() {
        return Err(ClusterError::ForeignOwner { path: folder, owner });
    }
    folder.canonicalize().map_err(ClusterError::folder("open the folder", &folder))
}

impl Home {
    /// Where a cluster of this folder was made before: here, or elsewhere for a user who could not come here.
    pub fn known(folder: &Path, elsewhere: &Path) -> Option<Self> {
        let homes = [Self::here(folder), Self::away(folder, elsewhere)];
        homes.into_iter().find(|home| home.data().exists())
    }

    pub fn here(folder: &Path) -> Self {
        Self { root: folder.to_owned() }
    }

    pub fn away(folder: &Path, elsewhere: &Path) -> Self {
        Self { root: elsewhere.join(short_name(folder)) }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    pub fn log(&self) -> PathBuf {
        self.root.join("server.log")
    }

    /// The major version that made the data.
    pub fn major(&self) -> Result<u32, ClusterError> {
        let text = fs::read_to_string(self.data().join("PG_VERSION")).unwrap_or_default();
        text.trim().parse().map_err(|_| ClusterError::Damaged { path: self.data() })
    }

    /// Whose the data is. Errors: it belongs to somebody else and elt is not root.
    pub fn owner(&self) -> Result<User, ClusterError> {
        let owner = owner_of(&self.data())?;
        let me = rustix::process::geteuid();
        if me.is_root() || owner.uid == me.as_raw() {
            Ok(owner)
        } else {
            Err(ClusterError::ForeignOwner { path: self.data(), owner: owner.uid })
        }
    }

    /// Makes the root such that who runs the server can pass through it.
    pub fn open_to(&self, run_as: RunAs) -> Result<(), ClusterError> {
        let parent = self.root.parent().unwrap_or(Path::new("/"));
        fs::create_dir_all(parent).map_err(ClusterError::folder("make the folder", parent))?;
        make_private(&self.root)?;
        if let RunAs::Other(_) = run_as {
            let open = Permissions::from_mode(0o711);
            fs::set_permissions(&self.root, open).map_err(ClusterError::folder("open", &self.root))?;
        }
        Ok(())
    }

    /// Gives root's data to the user who shall run the server from now on, moving it to `to` if that is
    /// another home.
    pub fn hand_over(self, to: Self, run_as: RunAs) -> Result<Self, ClusterError> {
        to.open_to(run_as)?;
        if self.root != to.root {
            fs::rename(self.data(), to.data()).map_err(ClusterError::folder("move away", &self.data()))?;
        }
        give_all(&to.data(), run_as.owner()).map_err(ClusterError::folder("give away", &to.data()))?;
        Ok(to)
    }

    /// A folder for the socket that only its owner can enter, short enough for the kernel.
    pub fn socket_dir(&self, run_as: RunAs) -> Result<PathBuf, ClusterError> {
        let owner = run_as.owner();
        let own = self.root.join("socket");
        // PostgreSQL takes a list of folders, and reads commas and quotes in it.
        let plain = own.to_str().is_some_and(|text| !text.contains([',', '"']));
        if plain && fits(&own) {
            make_private(&own)?;
            give(&own, owner).map_err(ClusterError::folder("give away", &own))?;
            return Ok(own);
        }
        // The runtime folder of this user is closed to others.
        let runtime = env::var_os("XDG_RUNTIME_DIR").filter(|_| !matches!(run_as, RunAs::Other(_)));
        let bases = runtime.map(PathBuf::from).into_iter().chain([env::temp_dir(), "/tmp".into()]);
        let mut refusal = ClusterError::folder("find a short folder for the socket of", &self.root)(
            io::ErrorKind::InvalidFilename.into(),
        );
        for base in bases.filter(|base| base.is_absolute()) {
            let short = base.join(format!("elt-{}", short_name(&self.data())));
            if !fits(&short) {
                continue;
            }
            match make_own(&short, owner) {
                Ok(()) => return Ok(short),
                Err(cause) => refusal = ClusterError::folder("use the socket folder", &short)(cause),
            }
        }
        Err(refusal)
    }
}

/// The socket's file in its folder.
pub fn socket_file(folder: &Path, port: u16) -> PathBuf {
    folder.join(format!(".s.PGSQL.{port}"))
}

fn fits(folder: &Path) -> bool {
    // The server's lock file beside the socket has a longer name, but is no socket.
    socket_file(folder, PORT).as_os_str().len() <= LONGEST_SOCKET
}

/// 16 hexadecimal digits that stand for a path.
fn short_name(path: &Path) -> String {
    let digest = Sha256::digest(path.as_os_str().as_bytes());
    HEXLOWER.encode(&digest[..8])
}

pub fn make_private(folder: &Path) -> Result<(), ClusterError> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => Ok(()),
        made => made.map_err(ClusterError::folder("make the folder", folder)),
    }
}

/// In a folder where anybody may write: whoever made `folder` before must be `owner`, and alone in it.
fn make_own(folder: &Path, owner: User) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Ok(()) => return give(folder, owner),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    let found = fs::symlink_metadata(folder)?;
    if found.is_dir() && found.uid() == owner.uid && found.mode() & 0o077 == 0 {
        Ok(())
    } else {
        Err(io::Error::new(io::ErrorKind::PermissionDenied, "it is there already, and somebody else's"))
    }
}

fn owner_of(path: &Path) -> Result<User, ClusterError> {
    let found = fs::metadata(path).map_err(ClusterError::folder("look at", path))?;
    Ok(User { uid: found.uid(), gid: found.gid() })
}

/// Only root can give; for others, and where nothing would change, this does nothing.
pub fn give(path: &Path, owner: User) -> io::Result<()> {
    let found = fs::symlink_metadata(path)?;
    if found.uid() == owner.uid || !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    chown(path, Some(owner.uid), Some(owner.gid))
}

fn give_all(folder: &Path, owner: User) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            give_all(&entry.path(), owner)?;
        } else {
            std::os::unix::fs::lchown(entry.path(), Some(owner.uid), Some(owner.gid))?;
        }
    }
    give(folder, owner)
}

/// Makes what root wrote into somebody's folder that somebody's, so that they can use it again as themselves.
pub fn leave_to_owner(path: &Path) -> io::Result<()> {
    let folder = fs::metadata(path.parent().unwrap_or(Path::new(OsStr::new("/"))))?;
    give(path, User { uid: folder.uid(), gid: folder.gid() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_path_gets_a_short_private_socket_folder() {
        let long = tempfile::tempdir().unwrap().path().join("x".repeat(120));
        fs::create_dir_all(&long).unwrap();
        let folder = Home::here(&long).socket_dir(RunAs::Myself).unwrap();
        assert!(fits(&folder), "{}", folder.display());
        assert_eq!(fs::metadata(&folder).unwrap().mode() & 0o777, 0o700);
        assert_eq!(Home::here(&long).socket_dir(RunAs::Myself).unwrap(), folder);

        fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
        let owner = RunAs::Myself.owner();
        let refused = make_own(&folder, owner).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::PermissionDenied);
        fs::remove_dir(&folder).unwrap();
    }

    #[test]
    fn a_comma_in_the_path_gets_another_socket_folder() {
        let root = tempfile::tempdir().unwrap().path().join("a,b");
        let folder = Home::here(&root).socket_dir(RunAs::Myself).unwrap();
        assert!(!folder.starts_with(&root));
        fs::remove_dir(&folder).unwrap();
    }
}
