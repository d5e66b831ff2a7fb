//! How a model's source is reached: the project's way of fetching, with the model's own login.

use crate::manifest::{Manifest, Node, NodeId};
use crate::project::{Incremental, Layer};
use crate::run::Place;
use crate::secret::Secret;
use crate::source::{self, FetchOptions};

pub(super) fn options(node: &Node, place: &Place) -> FetchOptions {
    let mut options = place.fetch.clone();
    options.cache_group = group(node, place);
    let auth = &node.config.auth;
    let headers = auth.headers.iter().map(|(name, value)| (name.clone(), value.expose().to_owned()));
    options.headers.extend(headers);
    if let Some(token) = &auth.bearer {
        options.headers.push(("authorization".to_owned(), format!("Bearer {}", token.expose())));
    }
    options.basic = auth.basic.as_ref().map(|login| (login.user.clone(), login.password.expose().to_owned()));
    let words = [
        ("aws_access_key_id", auth.access_key_id.as_ref().map(Secret::expose)),
        ("aws_secret_access_key", auth.secret_access_key.as_ref().map(Secret::expose)),
        ("aws_session_token", auth.session_token.as_ref().map(Secret::expose)),
        ("aws_endpoint_url", node.config.endpoint.as_deref()),
        ("aws_region", node.config.region.as_deref()),
    ];
    if words[0].1.is_some() {
        // A model's own key goes with no other's token.
        options.store.retain(|(name, _)| name != "aws_session_token");
    }
    for (name, value) in words {
        if let Some(value) = value {
            options.store.retain(|(known, _)| known != name);
            options.store.push((name.to_owned(), value.to_owned()));
        }
    }
    options
}

/// Files that are loaded once are not kept once they are published; until then they are found by this name.
fn group(node: &Node, place: &Place) -> Option<String> {
    matches!(node.config.incremental, Some(Incremental::By(_))).then(|| {
        let (connector, prod) = (&place.connector, place.target.schema(Layer::Prod).as_str());
        let database = connector.database().unwrap_or_default();
        let identity = [&connector.server(), database, prod, &node.label()].join("\n");
        format!("files-{}", &source::sha256(identity.as_bytes())[..16])
    })
}

/// After publishing: takes from the cache what the run's loads need no more.
pub(in crate::run) fn tidy(place: &Place, manifest: &Manifest, built: &[NodeId], run: i64) {
    let groups: Vec<String> = built.iter().filter_map(|id| group(manifest.node(*id), place)).collect();
    source::tidy(&place.fetch, run, &groups);
}
