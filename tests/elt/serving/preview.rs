//! The first rows that pages show are those that an endpoint gives to who asks for nothing in particular.

use crate::server::Server;
use crate::support::Project;

#[tokio::test]
async fn pages_show_no_row_that_an_endpoint_does_not_give_unasked() {
    let project = Project::new(&[
        ("models/prod/news.sql", "select * from (values ('public', 'seen by all'), ('draft', 'not yet')) as t (state, title)"),
        ("models/prod/letters.sql", "select * from (values ('ada', 'to ada alone')) as t (reader, title)"),
        (
            "models/prod/m.yml",
            "models:\n  - {name: news, expose: {parameters: [{name: state, default: public}]}}\n  - {name: letters, expose: \
             {path: '/letters/{reader}'}}\n",
        ),
    ])
    .await;
    project.good(&["run"]);
    let server = Server::start(&project, &[]);
    let page = async |table: &str| {
        let asked =
            server.client.get(format!("{}/ui/data/{table}", server.base)).header("accept", "text/html");
        asked.send().await.expect("it answers").text().await.expect("it is text")
    };
    let news = page("news").await;
    assert!(news.contains("seen by all") && !news.contains("not yet"), "{news}");
    let letters = page("letters").await;
    assert!(letters.contains("to who asks for them") && !letters.contains("to ada alone"), "{letters}");
}
