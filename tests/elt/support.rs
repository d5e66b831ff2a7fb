//! Tiny projects and the real binary. A command that ends otherwise than expected shows all it said.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::database::TestDatabase;

/// A project in a folder of its own, with a database of its own.
pub struct Project {
    pub root: PathBuf,
    pub database: TestDatabase,
    vars: Vec<(String, String)>,
    _folder: TempDir,
}

/// How a command ended.
pub struct Ended {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
    command: String,
}

impl Project {
    /// A project with these files; `profiles.yml` is made where none is given.
    pub async fn new(files: &[(&str, &str)]) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let project = Self {
            root: folder.path().to_owned(),
            database: TestDatabase::new().await,
            vars: Vec::new(),
            _folder: folder,
        };
        if !files.iter().any(|(path, _)| *path == "profiles.yml") {
            project.write("profiles.yml", "target: dev\n");
        }
        for (path, text) in files {
            project.write(path, text);
        }
        project
    }

    /// A copy of the project that this repository ships.
    pub async fn shipped() -> Self {
        let project = Self::new(&[]).await;
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        for part in ["models", "rules", "macros", "tests/sql", "profiles.yml"] {
            copy(&root.join(part), &project.root.join(part));
        }
        project
    }

    /// Adds an environment variable for all commands.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.vars.push((name.into(), value.into()));
        self
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().expect("a file lies in a folder")).expect("folders can be made");
        fs::write(path, text).expect("files can be written");
    }

    pub fn remove(&self, path: &str) {
        fs::remove_file(self.root.join(path)).expect("the file was there");
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_elt"));
        command
            .current_dir(&self.root)
            .env("DATABASE_URL", &self.database.url)
            .env("NO_COLOR", "1")
            .env_remove("ELT_LOG")
            .envs(self.vars.iter().map(|(name, value)| (name, value)))
            .args(arguments)
            .stdin(Stdio::null());
        command
    }

    /// Runs to the end, whatever that is.
    pub fn elt(&self, arguments: &[&str]) -> Ended {
        let output = self.command(arguments).output().expect("the binary can be started");
        Ended::new(arguments, output)
    }

    /// The same on a database that is reached otherwise.
    pub fn elt_at(&self, url: &str, arguments: &[&str]) -> Ended {
        let output = self.command(arguments).env("DATABASE_URL", url).output();
        Ended::new(arguments, output.expect("the binary can be started"))
    }

    /// Runs and must succeed.
    #[track_caller]
    pub fn good(&self, arguments: &[&str]) -> Ended {
        let ended = self.elt(arguments).expect(0);
        let reads_all = ["run", "build", "compile", "test", "check", "ls"];
        if arguments.first().is_some_and(|command| reads_all.contains(command)) {
            crate::schemas::agree_with(&self.root);
        }
        ended
    }

    /// Starts and does not wait. Output is kept for who waits.
    pub fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts")
    }

    /// Waits until a query gives a value; panics after ten seconds.
    pub async fn wait_for(&self, sql: &str, value: &str) {
        let until = Instant::now() + Duration::from_secs(10);
        let session = self.database.session().await;
        // The table asked about may not be there yet.
        while !session.value(sql).await.is_ok_and(|found| found.as_deref() == Some(value)) {
            assert!(Instant::now() < until, "{sql} did not become {value}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// One value of the database.
    pub async fn value(&self, sql: &str) -> String {
        self.database.value(sql).await.unwrap_or_else(|| "NULL".into())
    }
}

impl Ended {
    pub fn new(arguments: &[&str], output: Output) -> Self {
        Self {
            status: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            command: format!("elt {}", arguments.join(" ")),
        }
    }

    #[track_caller]
    pub fn expect(self, status: i32) -> Self {
        assert!(self.status == status, "expected exit code {status}\n{self}");
        self
    }

    /// The talk must hold this text.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "expected it to say: {text}\n{self}");
        self
    }

    #[track_caller]
    pub fn prints(self, text: &str) -> Self {
        assert!(self.stdout.contains(text), "expected it to print: {text}\n{self}");
        self
    }
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "command: {}", self.command)?;
        writeln!(f, "status: {}", self.status)?;
        writeln!(f, "--- stdout\n{}", self.stdout)?;
        writeln!(f, "--- stderr\n{}", self.stderr)
    }
}

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir_all(to).expect("folders can be made");
        for entry in fs::read_dir(from).expect("the folder is there").flatten() {
            copy(&entry.path(), &to.join(entry.file_name()));
        }
    } else {
        fs::create_dir_all(to.parent().expect("a file lies in a folder")).expect("folders can be made");
        fs::copy(from, to).expect("the file is there");
    }
}

/// The real voucher file beside the repository, where it is.
pub fn real_file() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/voucher_history_2018.parquet");
    if path.exists() {
        return Some(path);
    }
    eprintln!("LEFT OUT: the real file {} is not here", path.display());
    None
}
