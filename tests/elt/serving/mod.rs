//! Exposed models: what they answer, to whom, and how they are described; slow, curious and hostile callers.

mod answers;
mod attacks;
mod described;
mod endpoints;
mod preview;
mod publishing;
mod slow_readers;

use serde_json::Value;

use crate::server::Server;

/// What is wrong with a request, a line each.
fn fields(answer: &Value) -> Vec<String> {
    let fields = answer["details"]["fields"].as_array().cloned().unwrap_or_default();
    fields.iter().map(|one| format!("{} {}: {}", one["field"], one["problem"], one["accepts"])).collect()
}

fn ids(rows: &Value) -> Vec<i64> {
    rows.as_array().expect("rows").iter().map(|row| row["id"].as_i64().expect("an id")).collect()
}

/// The ids of all pages from `path` on, by their `next` links.
async fn follow(server: &Server, path: &str) -> Vec<i64> {
    let (mut path, mut seen) = (path.to_owned(), Vec::new());
    loop {
        let answer = server.client.get(format!("{}{path}", server.base)).send().await.expect("it answers");
        let link = answer.headers().get("link").map(|link| link.to_str().expect("it is ASCII").to_owned());
        assert_eq!(answer.headers().contains_key("elt-more"), link.is_some());
        seen.extend(ids(&answer.json::<Value>().await.expect("it is JSON")));
        assert!(seen.len() < 10_000, "it never ends");
        let Some(link) = link else { return seen };
        path = link.trim_start_matches('<').split('>').next().expect("a link has an address").to_owned();
    }
}
