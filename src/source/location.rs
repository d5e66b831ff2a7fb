//! Where a source is, as the user wrote it, and as it may be shown. It only reads text: nothing is opened
//! and nothing is asked here.

use std::fmt;
use std::path::{Path, PathBuf};

use url::Url;

use super::error::nearest;
use super::http::drive;
use super::list::{is_pattern, matcher};
use super::{SourceError, sample};

const KNOWN: &str = "a path or pattern (data/*.csv), file:///path, http://…, https://…, a Google Drive share link, s3://bucket/…, postgres://…, or sample://vouchers";

/// `Display` and `Debug` show it without user, password and secret query values.
#[derive(Clone, PartialEq, Eq)]
pub enum Location {
    File(PathBuf),
    /// Every file below `root` whose path matches.
    Files {
        root: PathBuf,
        pattern: String,
    },
    Http(Url),
    /// A file shared by a Google Drive link; `url` is the link as given.
    GoogleDrive {
        id: String,
        url: Url,
    },
    /// An object, or with a pattern or a prefix in `key` many, of an S3-compatible store.
    Object {
        bucket: String,
        key: String,
    },
    /// Another PostgreSQL, by its whole URL.
    Postgres(Url),
    /// Rows made by elt itself, e.g. `sample://vouchers?rows=1000&seed=7`.
    Sample {
        generator: String,
        query: String,
    },
}

impl Location {
    /// Reads a location as written in a model. Relative paths are taken from `project_root`.
    pub fn parse(text: &str, project_root: &Path) -> Result<Self, SourceError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(
                SourceError::new("the source's location is empty").with_hint(format!("write {KNOWN}"))
            );
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            // `./data.csv` would only be a longer name for it.
            let here = project_root == Path::new(".");
            if is_pattern(text) {
                matcher(text)?;
                let root = if here { PathBuf::new() } else { project_root.to_owned() };
                return Ok(Self::Files { root, pattern: text.to_owned() });
            }
            return Ok(Self::File(if here { text.into() } else { project_root.join(text) }));
        };
        match scheme.to_ascii_lowercase().as_str() {
            "http" | "https" => Self::from_url(parse_url(text)?),
            "s3" => match rest.split_once('/') {
                Some((bucket, key)) if !bucket.is_empty() && !key.is_empty() => {
                    if is_pattern(key) {
                        matcher(key)?;
                    }
                    Ok(Self::Object { bucket: bucket.to_owned(), key: key.to_owned() })
                }
                _ => Err(SourceError::new(format!("`{text}` names no object")).with_hint(
                    "write s3://bucket/folder/file.csv, s3://bucket/folder/*.csv, or s3://bucket/folder/",
                )),
            },
            "postgres" | "postgresql" => Ok(Self::Postgres(parse_url(text)?)),
            "file" if is_pattern(rest) => Err(SourceError::new("file:// takes no pattern")
                .with_hint("write the pattern as a path, without file://")),
            "file" => parse_url(text)?.to_file_path().map(Self::File).map_err(|()| {
                SourceError::new(format!("`{text}` names another machine"))
                    .with_hint("write file:///the/whole/path with three slashes, or a path without file://")
            }),
            "sample" => {
                let (generator, query) = rest.split_once('?').unwrap_or((rest, ""));
                let generator = generator.trim_end_matches('/');
                sample::check(generator, query)?;
                Ok(Self::Sample { generator: generator.to_owned(), query: query.to_owned() })
            }
            other => {
                let error = SourceError::new(format!("a source cannot be read from `{other}://`"));
                Err(match nearest(other, ["http", "https", "file", "s3", "postgres", "sample"]) {
                    Some(near) => error.with_hint(format!("was `{near}://` meant? elt reads {KNOWN}")),
                    None => error.with_hint(format!("elt reads {KNOWN}")),
                })
            }
        }
    }

    fn from_url(url: Url) -> Result<Self, SourceError> {
        match drive::file_id(&url)? {
            Some(id) => Ok(Self::GoogleDrive { id, url }),
            None => Ok(Self::Http(url)),
        }
    }

    /// The last part of the path, from which a format may be guessed.
    pub(super) fn file_name(&self) -> Option<String> {
        match self {
            Self::File(path) => path.file_name().map(|name| name.to_string_lossy().into_owned()),
            Self::Object { key, .. } => key.rsplit('/').next().map(str::to_owned),
            Self::Http(url) => url.path_segments()?.next_back().map(str::to_owned),
            _ => None,
        }
    }
}

/// The text is not repeated: what cannot be parsed cannot be redacted either.
fn parse_url(text: &str) -> Result<Url, SourceError> {
    Url::parse(text).map_err(|error| {
        SourceError::new(format!("the source's address is not a URL: {error}"))
            .with_hint("percent-encode spaces and other special characters; a port is a number")
    })
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Object { bucket, key } => write!(f, "s3://{bucket}/{key}"),
            Self::Files { pattern, .. } => f.write_str(pattern),
            Self::Http(url) | Self::GoogleDrive { url, .. } => f.write_str(&redacted(url)),
            Self::Postgres(url) => {
                // What follows are settings of the connection.
                let mut plain = url.clone();
                plain.set_query(None);
                f.write_str(&redacted(&plain))
            }
            Self::Sample { generator, query } if query.is_empty() => write!(f, "sample://{generator}"),
            Self::Sample { generator, query } => write!(f, "sample://{generator}?{query}"),
        }
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The URL without user and password, without fragment, and with `***` for query values that look secret.
pub(super) fn redacted(url: &Url) -> String {
    let mut shown = url.clone();
    // Both fail only for URLs that cannot have a user, and those have none to hide.
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    shown.set_fragment(None);
    if let Some(query) = url.query() {
        let parts: Vec<String> = query.split('&').map(redacted_pair).collect();
        shown.set_query(Some(&parts.join("&")));
    }
    // A place for a key, as it was written.
    String::from(shown).replace("%7B", "{").replace("%7D", "}")
}

fn redacted_pair(pair: &str) -> String {
    const SECRET: [&str; 11] =
        ["token", "key", "sig", "secret", "pass", "pwd", "auth", "credential", "code", "session", "jwt"];
    let (name, value) = pair.split_once('=').unwrap_or(("", pair));
    let plain: String = url::form_urlencoded::parse(name.as_bytes()).map(|(name, _)| name).collect();
    let plain = plain.to_lowercase();
    // `country_code=Peru` is data, `code=4/0AX4…` is an OAuth grant.
    let secret =
        SECRET.iter().any(|word| if *word == "code" { plain == "code" } else { plain.contains(word) });
    // A bare value (`?3fa9…`) has no name to judge by; a long one is as good as a token.
    let bare = name.is_empty() && value.len() > 20;
    if (secret && !value.is_empty()) || bare {
        if name.is_empty() { "***".to_owned() } else { format!("{name}=***") }
    } else {
        pair.to_owned()
    }
}
