//! What the benches share: paired rounds, medians, what a process spent, a server of their own, a table.
//! A machine is noisy, so ours and the floor take turns and are compared turn by turn; CPU seconds last
//! longer than wall seconds.

// Each bench uses its part of this.
#![allow(dead_code)]

pub mod models;
pub mod rows;
pub mod script;
pub mod server;
pub mod spent;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub use server::{Database, Server};
pub use spent::Spent;

pub const ELT: &str = env!("CARGO_BIN_EXE_elt");

/// One line of the table: what was measured, against what, and how good it has to be.
pub struct Line {
    pub what: String,
    pub ours: Vec<Spent>,
    /// Empty where nothing is compared.
    pub floor: Vec<Spent>,
    /// The highest good ratio to the floor; without a floor, the highest good number of seconds.
    pub bar: Option<f64>,
    /// The most memory that is good. Unit: MiB.
    pub memory_bar: Option<f64>,
}

impl Line {
    pub fn new(what: impl Into<String>, bar: Option<f64>) -> Self {
        Self { what: what.into(), ours: Vec::new(), floor: Vec::new(), bar, memory_bar: None }
    }

    /// The median of the ratios of the pairs.
    pub fn ratio(&self) -> Option<f64> {
        let ratios = self.ours.iter().zip(&self.floor).map(|(ours, floor)| ours.wall / floor.wall);
        (!self.floor.is_empty()).then(|| median(ratios))
    }

    fn print(&self) {
        let of = |spent: &[Spent], field: fn(&Spent) -> f64| {
            if spent.is_empty() { f64::NAN } else { median(spent.iter().map(field)) }
        };
        let compared = self.ratio();
        let judged = compared.unwrap_or_else(|| of(&self.ours, |one| one.wall));
        let memory = of(&self.ours, |one| one.peak_mib);
        let missed =
            self.bar.is_some_and(|bar| judged > bar) || self.memory_bar.is_some_and(|bar| memory > bar);
        let verdict = match (self.bar.or(self.memory_bar), missed) {
            (None, _) => "",
            (Some(_), true) => "MISSED",
            (Some(_), false) => "good",
        };
        let bar = match (self.bar, compared) {
            (None, _) => String::new(),
            (Some(bar), Some(_)) => format!("≤ {bar:.2}×"),
            (Some(bar), None) => format!("≤ {bar} s"),
        };
        println!(
            "{:<44} {:>8} {:>8} {:>7} {:>9} {:>7} {:>7} {:>7} {:>7} {:>7}  {verdict}",
            self.what,
            number(of(&self.ours, |one| one.wall)),
            number(of(&self.floor, |one| one.wall)),
            compared.map_or_else(String::new, |ratio| format!("{ratio:.2}×")),
            bar,
            number(of(&self.ours, |one| one.cpu)),
            number(of(&self.ours, |one| one.server_cpu)),
            number(of(&self.floor, |one| one.cpu)),
            number(of(&self.floor, |one| one.server_cpu)),
            number(memory),
        );
    }
}

/// Prints lines as one table. Times are seconds, medians of the rounds; the ratio is the median of the
/// rounds' ratios.
pub fn print(title: &str, lines: &[Line]) {
    println!("\n{title}");
    println!(
        "{:<44} {:>8} {:>8} {:>7} {:>9} {:>7} {:>7} {:>7} {:>7} {:>7}",
        "", "elt s", "floor s", "ratio", "bar", "elt cpu", "its pg", "fl. cpu", "its pg", "elt MiB"
    );
    for line in lines {
        line.print();
    }
}

fn number(value: f64) -> String {
    match value {
        value if value.is_nan() => String::new(),
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value if value < 0.1 => format!("{value:.4}"),
        value => format!("{value:.3}"),
    }
}

pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => values[count / 2],
        count => (values[count / 2 - 1] + values[count / 2]) / 2.0,
    }
}

/// Whether a part of a bench was asked for: all are where none is named (`cargo bench --bench NAME -- PART`).
pub fn asked_for(part: &str) -> bool {
    let named: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    named.is_empty() || named.iter().any(|name| part.contains(name.as_str()))
}

/// The elt of this build, in a project's folder, on a database.
pub fn elt(project: &Path, database: Option<&Database>, arguments: &[&str]) -> Command {
    let mut command = Command::new(ELT);
    command
        .current_dir(project)
        .env_remove("DATABASE_URL")
        .env_remove("ELT_LOG")
        .env("NO_COLOR", "1")
        .args(arguments)
        .stdin(Stdio::null());
    if let Some(database) = database {
        command.env("DATABASE_URL", &database.url);
    }
    command
}

/// `psql` beside the server's programs or on the PATH. Where there is none the pair is left out, and said so.
pub fn psql() -> Option<PathBuf> {
    let beside = elt::cluster::find_binaries().ok().map(|found| found.folder.join("psql"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = beside
        .into_iter()
        .chain(std::env::split_paths(&path).map(|folder| folder.join("psql")))
        .find(|program| program.is_file());
    if found.is_none() {
        println!("LEFT OUT: there is no psql on this machine, so nothing is compared with it");
    }
    found
}

/// A folder for what a bench makes, kept between runs.
pub fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench-data").join(name);
    fs::create_dir_all(&path).expect("the target folder can be written");
    path
}

/// A file of a bench's, made once by `make` (which gets a name beside it to write to).
pub fn made_once(path: PathBuf, make: impl FnOnce(&Path)) -> PathBuf {
    if !path.exists() {
        let part = path.with_extension("part");
        make(&part);
        fs::rename(part, &path).expect("the file was made");
    }
    path
}

/// Writes a project's file, folders included.
pub fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().expect("a file lies in a folder")).expect("folders can be made");
    fs::write(path, text).expect("files can be written");
}

/// An empty project's folder.
pub fn project(name: &str) -> PathBuf {
    let root = folder("projects").join(name);
    if root.exists() {
        fs::remove_dir_all(&root).expect("an old project can be removed");
    }
    write(&root, "profiles.yml", "target: dev\ntargets:\n  dev:\n    threads: 4\n");
    root
}
