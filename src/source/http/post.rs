//! One JSON document to an address that the environment names. No redirects are followed.

use reqwest::{Client, redirect};
use serde_json::Value;
use url::Url;

use super::{chain, tls_config};

/// The error is a sentence without the address.
pub async fn post_json(url: Url, headers: &[(String, String)], body: Value) -> Result<(), String> {
    let client = Client::builder()
        .tls_backend_preconfigured(tls_config().map_err(|error| error.to_string())?)
        .redirect(redirect::Policy::none())
        .user_agent(concat!("elt/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(chain)?;
    let request = headers.iter().fold(client.post(url).json(&body), |request, (name, value)| {
        request.header(name.as_str(), value.as_str())
    });
    let answer = request.send().await.map_err(chain)?;
    match answer.status() {
        status if status.is_success() => Ok(()),
        status => Err(format!("it answered {status}")),
    }
}
