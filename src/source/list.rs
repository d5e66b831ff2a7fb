//! Which pieces a location means: the files behind a pattern, or the one thing it names. Each piece is
//! fetched and read by itself, so that only one is open at a time; all of them make one table.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use std::time::UNIX_EPOCH;

use globset::{GlobBuilder, GlobMatcher};

use super::{FetchOptions, Location, SourceError, object};

/// One file of a source, not yet fetched.
#[derive(Debug, Clone)]
pub struct Piece {
    pub location: Location,
    /// What the `_file` column says.
    pub name: String,
    /// As delivered, where it is known before fetching.
    pub bytes: Option<u64>,
    /// Changes when the content does; `None` where only fetching would tell.
    pub version: Option<String>,
}

impl Piece {
    fn single(location: &Location) -> Self {
        Self { location: location.clone(), name: location.to_string(), bytes: None, version: None }
    }
}

/// The pieces of a source, in the order in which they are loaded: by name.
pub async fn list(location: &Location, options: &FetchOptions) -> Result<Vec<Piece>, SourceError> {
    match location {
        Location::Files { root, pattern } => {
            let (root, pattern) = (root.clone(), pattern.clone());
            let walked = tokio::task::spawn_blocking(move || matching(&root, &pattern));
            walked.await.map_err(|error| SourceError::new(format!("the search was stopped: {error}")))?
        }
        Location::Object { bucket, key } if is_pattern(key) || key.ends_with('/') => {
            object::list(bucket, key, options).await
        }
        Location::File(path) => Ok(vec![local(path, location.to_string())]),
        _ => Ok(vec![Piece::single(location)]),
    }
}

fn local(path: &Path, name: String) -> Piece {
    // What cannot be opened is told when it is.
    let metadata = fs::metadata(path).ok();
    Piece {
        location: Location::File(path.to_owned()),
        name,
        bytes: metadata.as_ref().map(Metadata::len),
        version: metadata.as_ref().map(version),
    }
}

fn version(metadata: &Metadata) -> String {
    let since = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    format!("{} bytes of {}", metadata.len(), since.unwrap_or_default().as_nanos())
}

/// Whether a path is to be read as a pattern.
pub(super) fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '[', '{'])
}

/// A matcher for paths and keys: `*` stops at a slash, `**` does not.
pub(super) fn matcher(pattern: &str) -> Result<GlobMatcher, SourceError> {
    let glob = GlobBuilder::new(pattern).literal_separator(true).backslash_escape(true).build();
    glob.map(|glob| glob.compile_matcher()).map_err(|error| {
        SourceError::new(format!("the pattern `{pattern}` cannot be read: {}", error.kind()))
            .with_hint("`*` is any part of a name, `**` any folders, `?` one character, `[ab]` one of some")
    })
}

fn matching(root: &Path, pattern: &str) -> Result<Vec<Piece>, SourceError> {
    let whole = root.join(pattern);
    if whole.is_file() {
        // A name that only looks like a pattern.
        return Ok(vec![local(&whole, pattern.to_owned())]);
    }
    let matcher = matcher(pattern)?;
    let mut found = Vec::new();
    let start = fixed_part(pattern);
    let folder = root.join(&start);
    walk((&folder, &start), &mut Vec::new(), &mut |path, name| {
        if matcher.is_match(name) {
            found.push(local(path, name.to_string_lossy().into_owned()));
        }
    })
    .map_err(|error| {
        SourceError::io(format!("{pattern} cannot be searched: {}", folder.display()), &error)
    })?;
    found.sort_by(|a, b| a.name.cmp(&b.name));
    if found.is_empty() {
        return Err(nothing_matches(pattern, &folder));
    }
    Ok(found)
}

fn nothing_matches(pattern: &str, folder: &Path) -> SourceError {
    let entries = fs::read_dir(folder).map(|entries| entries.flatten().count()).unwrap_or(0);
    SourceError::new(format!("no file matches {pattern}")).with_hint(format!(
        "{} holds {entries} {}; relative patterns begin at the project's root",
        if folder.as_os_str().is_empty() { Path::new(".") } else { folder }.display(),
        if entries == 1 { "entry" } else { "entries" }
    ))
}

/// The folders before the first part that is a pattern.
pub(super) fn fixed_part(pattern: &str) -> PathBuf {
    let mut parts: Vec<Component> = Path::new(pattern).components().collect();
    parts.pop();
    parts.into_iter().take_while(|part| !is_pattern(&part.as_os_str().to_string_lossy())).collect()
}

/// Calls `visit` with every file below `folder`, by its path and its name from where the pattern begins.
/// Hidden files and folders are passed over, as a shell does; a link to a folder is followed, but not to one of
/// `above`, the folders on the way here.
fn walk(
    (folder, name): (&Path, &Path),
    above: &mut Vec<(u64, u64)>,
    visit: &mut dyn FnMut(&Path, &Path),
) -> std::io::Result<()> {
    let here = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let metadata = fs::metadata(here)?;
    let itself = (metadata.dev(), metadata.ino());
    if above.contains(&itself) {
        return Ok(());
    }
    above.push(itself);
    for entry in fs::read_dir(here)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        let (path, name) = (folder.join(entry.file_name()), name.join(entry.file_name()));
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_dir() => walk((&path, &name), above, visit)?,
            Ok(_) => visit(&path, &name),
            // A dangling link, or gone meanwhile.
            Err(_) => {}
        }
    }
    above.pop();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_search_begins_below_the_folders_that_are_named() {
        let begins = |pattern: &str| fixed_part(pattern).to_string_lossy().into_owned();
        assert_eq!(begins("data/2024/*.csv"), "data/2024");
        assert_eq!(begins("data/*/x.csv"), "data");
        assert_eq!(begins("*.csv"), "");
        assert_eq!(begins("/srv/in/**/a.csv"), "/srv/in");
    }

    #[test]
    fn links_are_followed_and_not_in_circles() {
        let root = tempfile::TempDir::new().expect("a temporary folder");
        let inside = root.path().join("in/deep");
        fs::create_dir_all(&inside).expect("folders can be made");
        fs::write(inside.join("a.csv"), "").expect("files can be written");
        let link =
            |to: &str, name: &str| std::os::unix::fs::symlink(to, root.path().join(name)).expect("a link");
        for (to, name) in
            [("..", "in/back"), (".", "in/deep/self"), ("deep", "in/other"), ("nowhere", "in/gone")]
        {
            link(to, name);
        }
        let found = matching(root.path(), "in/**/*.csv").expect("there are some");
        let names: Vec<&str> = found.iter().map(|piece| piece.name.as_str()).collect();
        assert_eq!(names, ["in/deep/a.csv", "in/other/a.csv"]);
    }

    #[test]
    fn a_star_stops_at_a_slash_and_two_do_not() {
        let matches = |pattern: &str, name: &str| matcher(pattern).unwrap().is_match(name);
        assert!(matches("data/*.csv", "data/a.csv"));
        assert!(!matches("data/*.csv", "data/b/a.csv"));
        assert!(matches("data/**/*.csv", "data/b/c/a.csv"));
        assert!(matches("data/**/*.csv", "data/a.csv"));
        assert!(matches("data/{a,b}[0-9].csv", "data/b7.csv"));
        assert!(matcher("data/[a").is_err());
    }
}
