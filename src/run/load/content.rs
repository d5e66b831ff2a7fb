//! What a source holds, without loading it: as long as that is what was loaded last time, the table stays.

use super::{Watcher, access, of_source, place_of_source};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::manifest::Node;
use crate::run::task::Problem;
use crate::run::{Observer, Place};
use crate::source::{self, Fetched, Location, SourceError};

/// So many downloads stay open between the look and the load: a process may have few files open.
const MOST_KEPT: usize = 32;

/// What a look at a source found.
#[derive(Default)]
pub(in crate::run) struct Looked {
    pub content: Option<String>,
    /// What was downloaded for it, by piece.
    pub downloads: Vec<(String, Fetched)>,
}

/// A checksum of what the node's source holds now, comparable with what [`recorded`] gave for the table that
/// is published. `None` where only a load can tell: what it brings is compared then. Files are read whole: size
/// and time prove nothing.
pub(in crate::run) async fn content(
    place: &Place,
    node: &Node,
    observer: &Arc<dyn Observer>,
    cancel: &CancellationToken,
) -> Result<Looked, Problem> {
    if node.config.api.is_some() {
        return Ok(Looked::default());
    }
    let (root, options) = (&place.root, access::options(node, place));
    let place = place_of_source(node);
    let wrong = |error: SourceError| Box::new(of_source(&error, &place));
    let written = node.config.source.as_deref().unwrap_or_default();
    let location = Location::parse(written, root).map_err(wrong)?;
    match location {
        Location::Sample { .. } => {
            return Ok(Looked { content: recorded(&location, &[]), ..Looked::default() });
        }
        // Another database tells nothing but by sending its rows.
        Location::Postgres(_) => return Ok(Looked::default()),
        _ => {}
    }
    let pieces = source::list(&location, &options).await.map_err(wrong)?;
    let (mut digests, mut downloads) = (Vec::new(), Vec::new());
    for piece in &pieces {
        let watcher = Watcher::new(observer.clone(), node.label());
        let fetched = tokio::select! {
            fetched = source::fetch_piece(piece, &options, &watcher) => fetched.map_err(wrong)?,
            () = cancel.cancelled() => return Err(wrong(SourceError::new("cancelled while fetching"))),
        };
        if fetched.sha256.is_some() {
            digests.push((piece.name.clone(), fetched.sha256.clone()));
            // The others are found in the cache again.
            if downloads.len() < MOST_KEPT {
                downloads.push((piece.name.clone(), fetched));
            }
        } else {
            digests.push((piece.name.clone(), digest(fetched).await.map_err(wrong)?));
        }
    }
    Ok(Looked { content: recorded(&location, &digests), downloads })
}

/// What is kept of a load, to compare the source with later. A sample is known by its name and the elt that
/// makes it.
pub(super) fn recorded(location: &Location, digests: &[(String, Option<String>)]) -> Option<String> {
    match location {
        Location::Sample { .. } => Some(format!("{location} of elt {}", env!("CARGO_PKG_VERSION"))),
        // Which files there are matters too: rows may be marked with the name of theirs.
        Location::Files { .. } | Location::Object { .. } => listed(digests),
        Location::File(_) | Location::Http(_) | Location::GoogleDrive { .. } | Location::Postgres(_) => {
            combined(digests)
        }
    }
}

/// Of one piece its own checksum; of many that of their names and checksums, as `sha256sum` lists them.
pub(super) fn combined(digests: &[(String, Option<String>)]) -> Option<String> {
    if let [(_, only)] = digests {
        return only.clone();
    }
    listed(digests)
}

fn listed(digests: &[(String, Option<String>)]) -> Option<String> {
    let lines: Option<Vec<String>> =
        digests.iter().map(|(name, digest)| Some(format!("{}  {name}\n", digest.as_deref()?))).collect();
    Some(source::sha256(lines?.concat().as_bytes()))
}

async fn digest(fetched: Fetched) -> Result<Option<String>, SourceError> {
    let digest = tokio::task::spawn_blocking(move || fetched.digest()).await;
    digest.expect("reading a source does not panic").map(Some)
}
