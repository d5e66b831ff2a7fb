//! How a model's source is reached: the project's way of fetching, with the model's own login.

use crate::manifest::Node;
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
    options
}
