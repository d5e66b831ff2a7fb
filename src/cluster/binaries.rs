//! Finds PostgreSQL's server programs on this machine. Installs nothing.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::ClusterError;

/// The oldest major version that elt supports.
pub const OLDEST: u32 = 14;

const INSTALL: &str = if cfg!(target_os = "macos") {
    "brew install postgresql@17"
} else {
    "sudo apt-get install -y postgresql"
};

/// One folder that holds `initdb` and `postgres`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binaries {
    pub folder: PathBuf,
    /// Major version, e.g. 15.
    pub major: u32,
}

impl Binaries {
    pub fn initdb(&self) -> PathBuf {
        self.folder.join("initdb")
    }

    pub fn postgres(&self) -> PathBuf {
        self.folder.join("postgres")
    }

    /// Reads what `folder` holds. The error is the end of a sentence.
    fn read(folder: &Path) -> Result<Self, String> {
        if let Some(missing) = ["initdb", "postgres"].iter().find(|name| !folder.join(name).is_file()) {
            return Err(format!("there is no {missing} in it"));
        }
        let output = Command::new(folder.join("postgres"))
            .arg("--version")
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("its postgres cannot be run: {error}"))?;
        let text = String::from_utf8_lossy(&output.stdout);
        match major_of(&text) {
            Some(major) if major >= OLDEST => Ok(Self { folder: folder.to_owned(), major }),
            Some(major) => Err(format!("its postgres is version {major}; elt needs {OLDEST} or later")),
            None => Err(format!("its postgres does not say its version (it says `{}`)", text.trim())),
        }
    }
}

/// The server programs elt would use for a new cluster: `$ELT_PG_BIN` alone where set, else the newest of
/// the usual places and PATH. Errors: none there, or none new enough.
pub fn find_binaries() -> Result<Binaries, ClusterError> {
    Search::of_this_machine().find(None)
}

/// Where to look.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// `$ELT_PG_BIN`: looked at alone.
    pub only: Option<PathBuf>,
    /// Folders of versions: `(folder, start of the version's folder name, folder of the programs in it)`.
    pub families: Vec<(PathBuf, &'static str, &'static str)>,
    pub path: Option<OsString>,
}

impl Search {
    pub fn of_this_machine() -> Self {
        Self {
            only: env::var_os("ELT_PG_BIN").filter(|value| !value.is_empty()).map(PathBuf::from),
            families: vec![
                ("/usr/lib/postgresql".into(), "", "bin"),
                ("/usr".into(), "pgsql-", "bin"),
                ("/opt/homebrew/opt".into(), "postgresql", "bin"),
                ("/usr/local/opt".into(), "postgresql", "bin"),
                ("/Applications/Postgres.app/Contents/Versions".into(), "", "bin"),
            ],
            path: env::var_os("PATH"),
        }
    }

    /// The programs of version `major` where they are found, else the newest.
    pub fn find(&self, major: Option<u32>) -> Result<Binaries, ClusterError> {
        if let Some(folder) = &self.only {
            let wrong = |why| ClusterError::WrongBinaries { folder: folder.clone(), why };
            return Binaries::read(folder).map_err(wrong);
        }
        let mut found: Vec<Binaries> = Vec::new();
        let mut tried: Vec<String> = self.families.iter().map(Self::shown).collect();
        tried.push("PATH".to_owned());
        for folder in self.folders() {
            match Binaries::read(&folder) {
                Ok(binaries) => found.push(binaries),
                Err(why) if folder.join("postgres").is_file() => {
                    tried.push(format!("{} ({why})", folder.display()));
                }
                Err(_) => {}
            }
        }
        let newest = found.iter().rev().max_by_key(|binaries| binaries.major);
        let fitting = found.iter().find(|binaries| Some(binaries.major) == major);
        fitting.or(newest).cloned().ok_or(ClusterError::NotInstalled { tried, install: INSTALL })
    }

    fn shown((root, start, bin): &(PathBuf, &'static str, &'static str)) -> String {
        format!("{}/{start}*/{bin}", root.display())
    }

    fn folders(&self) -> Vec<PathBuf> {
        let mut folders = Vec::new();
        for (root, start, bin) in &self.families {
            let Ok(entries) = fs::read_dir(root) else { continue };
            folders.extend(
                entries
                    .flatten()
                    .filter(|entry| entry.file_name().to_string_lossy().starts_with(start))
                    .map(|entry| entry.path().join(bin)),
            );
        }
        folders.extend(self.path.iter().flat_map(env::split_paths).filter(|folder| folder.is_absolute()));
        let mut seen = Vec::new();
        folders.retain(|folder| {
            let Ok(real) = folder.canonicalize() else { return false };
            let new = !seen.contains(&real);
            seen.push(real);
            new
        });
        folders
    }
}

/// `postgres (PostgreSQL) 15.14 (Debian …)`, `… 18beta1`: the major version.
fn major_of(text: &str) -> Option<u32> {
    let version = text.split("(PostgreSQL)").nth(1)?.trim_start();
    let digits = version.find(|c: char| !c.is_ascii_digit()).unwrap_or(version.len());
    version[..digits].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read_from_every_spelling() {
        assert_eq!(major_of("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n"), Some(15));
        assert_eq!(major_of("postgres (PostgreSQL) 18beta1"), Some(18));
        assert_eq!(major_of("something else"), None);
    }

    fn fake(folder: &Path, version: &str) {
        use std::os::unix::fs::PermissionsExt;
        fs::create_dir_all(folder).unwrap();
        for name in ["initdb", "postgres"] {
            let script = format!("#!/bin/sh\necho 'postgres (PostgreSQL) {version}'\n");
            fs::write(folder.join(name), script).unwrap();
            fs::set_permissions(folder.join(name), fs::Permissions::from_mode(0o755)).unwrap();
        }
    }

    #[test]
    fn nothing_installed_names_the_places_and_the_command() {
        let empty = tempfile::tempdir().unwrap();
        let search = Search { families: vec![(empty.path().into(), "pgsql-", "bin")], ..Search::default() };
        let message = search.find(None).unwrap_err().to_string();
        assert!(message.contains(INSTALL), "{message}");
        assert!(message.contains("pgsql-*/bin, PATH"), "{message}");
    }

    #[test]
    fn the_newest_is_taken_unless_the_data_want_another() {
        let root = tempfile::tempdir().unwrap();
        for version in ["9.6", "14.1", "16.2"] {
            fake(&root.path().join(version).join("bin"), version);
        }
        let search = Search { families: vec![(root.path().into(), "", "bin")], ..Search::default() };
        assert_eq!(search.find(None).unwrap().major, 16);
        assert_eq!(search.find(Some(14)).unwrap().major, 14);
        assert_eq!(search.find(Some(15)).unwrap().major, 16);
    }

    #[test]
    fn too_old_programs_are_named_with_their_version() {
        let root = tempfile::tempdir().unwrap();
        fake(&root.path().join("13/bin"), "13.9");
        let families = vec![(root.path().to_path_buf(), "", "bin")];
        let message = Search { families, ..Search::default() }.find(None).unwrap_err().to_string();
        assert!(message.contains("version 13; elt needs 14"), "{message}");
        let only = Search { only: Some(root.path().into()), ..Search::default() };
        assert!(only.find(None).unwrap_err().to_string().contains("no initdb in it"));
    }
}
