//! How a model's source is reached: the project's way of fetching, with the model's own login.

use crate::manifest::Node;
use crate::secret::Secret;
use crate::source::FetchOptions;

pub(super) fn options(node: &Node, project: &FetchOptions) -> FetchOptions {
    let mut options = project.clone();
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
