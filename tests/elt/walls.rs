//! Who may know what: each foreign library has one owner in `src/`, and the runner and the service never
//! meet.

use std::fs;
use std::path::{Path, PathBuf};

/// Words of a library, and the modules that may name it.
const OWNERS: &[(&str, &[&str])] = &[
    ("minijinja", &["template"]),
    ("mimalloc", &["main"]),
    ("tokio_postgres", &["database"]),
    ("deadpool_postgres", &["database"]),
    ("refinery", &["database"]),
    ("actix_web", &["service"]),
    ("actix_http", &["service"]),
    ("actix_service", &["service"]),
    ("utoipa", &["service"]),
    ("actix_cors", &["service"]),
    ("governor::", &["service"]),
    ("croner::", &["schedule"]),
    ("prometheus_client", &["service"]),
    ("maud::", &["service"]),
    ("pulldown_cmark", &["docs"]),
    ("notify::", &["watch"]),
    ("clap", &["cli"]),
    ("indicatif", &["cli"]),
    ("anstream", &["cli"]),
    ("println!", &["cli"]),
    ("print!", &["cli"]),
    ("reqwest", &["source"]),
    ("calamine", &["source"]),
    ("cfb::", &["source"]),
    ("encoding_rs", &["source"]),
    ("memchr", &["source"]),
    ("quick_xml", &["source"]),
    ("struson", &["source"]),
    (" zip::", &["source"]),
    ("object_store", &["source"]),
    ("squawk_", &["sql"]),
    ("rowan::", &["sql"]),
    ("parquet::", &["source", "generate"]),
];

/// Modules, and what they must not name of the others: pure ones know no socket, clock or environment.
const STRANGERS: &[(&str, &[&str])] = &[
    (
        "service",
        &[
            "crate::run",
            "crate::project",
            "crate::manifest",
            "crate::template",
            "crate::source",
            "crate::desk",
        ],
    ),
    ("run", &["crate::service", "crate::cli", "crate::desk"]),
    (
        "manifest",
        &[
            "crate::database",
            "crate::run",
            "crate::service",
            "crate::cli",
            "std::env",
            "std::fs",
            "tokio",
            "SystemTime",
            "Instant::",
        ],
    ),
    (
        "template",
        &[
            "crate::database",
            "crate::run",
            "crate::project",
            "std::env",
            "std::fs",
            "tokio",
            "SystemTime",
            "Instant::",
        ],
    ),
    ("project", &["crate::database", "crate::run", "std::env", "tokio", "SystemTime", "Instant::"]),
    ("source", &["crate::database", "crate::run", "crate::project"]),
    ("docs", &["crate::run", "crate::cli", "crate::project", "std::env", "std::fs", "tokio", "SystemTime"]),
    (
        "lineage",
        &["crate::database", "crate::run", "crate::cli", "crate::template", "std::env", "std::fs", "tokio"],
    ),
    ("sql", &["crate::", "std::env", "std::fs", "tokio", "SystemTime", "Instant::"]),
    ("generate", &["crate::database", "crate::source", "std::fs", "SystemTime", "std::env"]),
    ("cluster", &["crate::database", "crate::run", "crate::project"]),
    ("database", &["crate::run", "crate::project", "crate::manifest", "crate::service", "crate::source"]),
];

#[test]
fn each_library_has_one_owner() {
    let mut broken = Vec::new();
    for file in sources() {
        let (module, code) = (module_of(&file), code_of(&file));
        for (word, owners) in OWNERS {
            if code.contains(word) && !owners.contains(&module.as_str()) {
                broken.push(format!(
                    "{} names {word}, which belongs to {}",
                    file.display(),
                    owners.join(", ")
                ));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn modules_do_not_reach_over_their_walls() {
    let mut broken = Vec::new();
    for file in sources() {
        let (module, code) = (module_of(&file), code_of(&file));
        for (inside, strangers) in STRANGERS.iter().filter(|(inside, _)| *inside == module) {
            for stranger in strangers.iter().filter(|stranger| code.contains(**stranger)) {
                broken.push(format!("{}: {inside} must not know {stranger}", file.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

fn sources() -> Vec<PathBuf> {
    let mut files = Vec::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    assert!(files.len() > 50, "the sources are found");
    files
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("src is there").flatten() {
        let path = entry.path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "tests") {
            walk(&path, files);
        } else if path.extension().is_some_and(|ending| ending == "rs") && !path.ends_with("tests.rs") {
            files.push(path);
        }
    }
}

/// The first folder or file under `src`.
fn module_of(file: &Path) -> String {
    let inside =
        file.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).expect("it lies in src");
    let first = inside.components().next().expect("a file has a name").as_os_str().to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

/// The file without comments and without its tests.
fn code_of(file: &Path) -> String {
    let text = fs::read_to_string(file).expect("sources can be read");
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.map(|line| format!("{line}\n")).collect()
}
