//! Keeps the folder of downloads in bounds: what nobody asked for in a long time goes, and where there is too
//! much, what was not asked for longest. Who reads one has it open and is not disturbed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::part::Part;

/// A part that was gone on with by nobody for so long is litter.
const PARTS_KEPT_FOR: Duration = Duration::from_secs(24 * 3600);

/// One address: its sidecar and its contents.
#[derive(Default)]
struct Kept {
    paths: Vec<PathBuf>,
    bytes: u64,
    /// When it was asked for last.
    used: Option<SystemTime>,
}

/// Removes from `folder` what was not used for `longest`, and then the least used until there are at most
/// `most_bytes`.
pub(in crate::source) fn sweep(folder: &Path, longest: Duration, most_bytes: u64) {
    let now = SystemTime::now();
    let age =
        |time: Option<SystemTime>| time.and_then(|time| now.duration_since(time).ok()).unwrap_or_default();
    let mut kept: Vec<Kept> = addresses(folder, |part, modified| {
        if age(modified) > PARTS_KEPT_FOR {
            Part::remove(part);
        }
    });
    kept.sort_by_key(|one| one.used);
    let mut bytes: u64 = kept.iter().map(|one| one.bytes).sum();
    for one in kept {
        if age(one.used) <= longest && bytes <= most_bytes {
            break;
        }
        bytes -= one.bytes;
        remove(&one.paths);
    }
}

/// Removes the downloads of a group.
pub(in crate::source) fn forget(folder: &Path, group: &str) {
    let prefix = format!("{group}-");
    let own = |path: &PathBuf| {
        let name = name_of(path);
        name.starts_with(&prefix) && (name.ends_with(".json") || name.ends_with(".data"))
    };
    remove(&entries(folder).filter(own).collect::<Vec<_>>());
}

fn addresses(folder: &Path, litter: impl Fn(&Path, Option<SystemTime>)) -> Vec<Kept> {
    let mut found: BTreeMap<String, Kept> = BTreeMap::new();
    for path in entries(folder) {
        let Some(metadata) = fs::metadata(&path).ok().filter(fs::Metadata::is_file) else { continue };
        let name = name_of(&path);
        let key = match name.rsplit_once('.') {
            Some((key, "json")) => key,
            Some((content, "data")) => content.rsplit_once('-').map_or(content, |(key, _)| key),
            Some((_, "part")) => {
                litter(&path, metadata.modified().ok());
                continue;
            }
            // Not ours.
            _ => continue,
        };
        let kept = found.entry(key.to_owned()).or_default();
        kept.bytes += metadata.len();
        kept.used = kept.used.max(metadata.modified().ok());
        kept.paths.push(path.clone());
    }
    found.into_values().collect()
}

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()))
}

fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn remove(paths: &[PathBuf]) {
    for path in paths {
        let _ = fs::remove_file(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(folder: &Path, name: &str, bytes: usize, days: u64) {
        let path = folder.join(name);
        fs::write(&path, vec![b'x'; bytes]).expect("files can be written");
        let then = SystemTime::now() - Duration::from_secs(days * 24 * 3600);
        let opened = fs::File::options().write(true).open(&path).expect("it is there");
        opened.set_modified(then).expect("times can be set");
    }

    fn left(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = entries(folder).map(|path| name_of(&path)).collect();
        names.sort();
        names
    }

    #[test]
    fn what_is_old_goes_and_then_the_oldest_of_what_is_too_much() {
        let folder = tempfile::TempDir::new().expect("a temporary folder");
        let folder = folder.path();
        for (name, days) in [("aa", 40), ("bb", 3), ("cc", 2), ("group-dd", 1)] {
            file(folder, &format!("{name}.json"), 10, days);
            file(folder, &format!("{name}-0123.data"), 100, days + 40);
        }
        file(folder, "ee.1.2.3.part", 100, 2);
        file(folder, "ff.1.2.3.part", 100, 0);
        file(folder, "mine.txt", 1000, 100);
        let month = Duration::from_secs(30 * 24 * 3600);
        sweep(folder, month, 1000);
        let whole = ["bb-0123.data", "bb.json", "cc-0123.data", "cc.json", "ff.1.2.3.part"];
        let others = ["group-dd-0123.data", "group-dd.json", "mine.txt"];
        assert_eq!(left(folder), [&whole[..], &others].concat());
        sweep(folder, month, 220);
        assert_eq!(left(folder), [&whole[2..], &others].concat());
        forget(folder, "group");
        assert_eq!(left(folder), ["cc-0123.data", "cc.json", "ff.1.2.3.part", "mine.txt"]);
    }
}
