//! The pages and descriptions.

use serde_json::{Value, json};

use super::support::*;
use crate::service::Settings;
use crate::token::Access;

#[tokio::test(flavor = "multi_thread")]
async fn the_page_is_served_whole_from_the_program() {
    let served = served_alone(settings()).await;
    let get = async |path: &str| served.client.get(format!("{}{path}", served.base)).send().await.unwrap();
    let redirect = get("/docs").await;
    assert_eq!(
        (redirect.status().as_u16(), redirect.headers()["location"].to_str().unwrap()),
        (308, "docs/")
    );
    let page = get("/docs/").await;
    assert_eq!(page.status(), 200);
    assert!(page.headers()["content-security-policy"].to_str().unwrap().contains("default-src 'none'"));
    assert_eq!(page.headers()["x-content-type-options"], "nosniff");
    assert!(page.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
    let html = page.text().await.unwrap();
    assert!(!html.contains("http://") && !html.contains("https://"), "{html}");
    assert!(!html.contains("<script>"), "inline scripts are forbidden by the policy: {html}");
    let mut files = 0;
    for part in html.split(['"']) {
        if part.starts_with("./") || part.ends_with(".css") || part.ends_with(".js") {
            let file = part.trim_start_matches("./");
            assert_eq!(get(&format!("/docs/{file}")).await.status(), 200, "{file}");
            files += 1;
        }
    }
    assert!(files >= 4, "{html}");
    let initializer = get("/docs/swagger-initializer.js").await.text().await.unwrap();
    assert!(initializer.contains("../openapi.json"), "{initializer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_link_of_the_welcome_answers() {
    let (_database, served) = served_peru().await;
    let (status, welcome) = served.get("/").await;
    assert_eq!((status.as_u16(), &welcome["name"]), (200, &json!("elt")));
    for link in welcome["links"].as_object().unwrap().values() {
        let url = format!("{}{}", served.base, link.as_str().unwrap());
        let status = served.client.get(url).send().await.unwrap().status();
        assert_eq!(status, 200, "{link}");
    }
    let head = served.client.head(format!("{}/healthz", served.base)).send().await.unwrap();
    assert_eq!((head.status().as_u16(), head.text().await.unwrap().as_str()), (200, ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_description_names_every_path_and_the_token_only_where_it_is_asked_for() {
    let served = served_alone(settings()).await;
    let (_, open) = served.get("/openapi.json/").await;
    assert_eq!(open["openapi"], "3.1.0");
    let paths: Vec<_> = open["paths"].as_object().unwrap().keys().collect();
    assert_eq!(
        paths,
        [
            "/",
            "/getVoucher/",
            "/healthz",
            "/metrics",
            "/openapi.json",
            "/readyz",
            "/runPipeline/",
            "/runs",
            "/runs/{id}",
            "/runs/{id}/events",
            "/segmentation-voucher/"
        ]
    );
    assert_eq!(open["paths"]["/runPipeline/"]["post"].get("security"), None);
    let refs = references(&open);
    for name in &refs {
        assert!(open["components"]["schemas"].get(name).is_some(), "{name} is referred to and missing");
    }
    let guarded = served_alone(Settings { runs: Access::Token, ..settings() }).await;
    let (_, guarded) = guarded.get("/openapi.json").await;
    assert_eq!(guarded["paths"]["/runPipeline/"]["post"]["security"], json!([{"token": []}]));
    assert!(guarded["paths"]["/runPipeline/"]["post"]["responses"].get("401").is_some());
}

fn references(value: &Value) -> Vec<String> {
    match value {
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(name, value)| match (name.as_str(), value) {
                ("$ref", Value::String(to)) => vec![to.rsplit('/').next().unwrap().to_owned()],
                _ => references(value),
            })
            .collect(),
        Value::Array(values) => values.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}
