//! Boards: what is drawn, for whom it can be read, and that nothing of the data gets out of its place.

use crate::server::Server;
use crate::support::Project;

async fn page(server: &Server, path: &str) -> (u16, String, String) {
    let answer = server.client.get(format!("{}{path}", server.base)).send().await.expect("it answers");
    let policy =
        answer.headers().get("content-security-policy").map(|value| value.to_str().unwrap().to_owned());
    (answer.status().as_u16(), policy.unwrap_or_default(), answer.text().await.expect("it is text"))
}

#[tokio::test]
async fn every_kind_of_chart_is_drawn_with_its_figures_beside_it() {
    let chart = |name: &str, words: &str| {
        format!("  - {{name: {name}, expose: {{order: [n], chart: {{{words}}}}}}}\n")
    };
    let yaml = [
        "models:\n".to_owned(),
        chart("bars", "type: bar, title: 'Bars & <script>alert(1)</script>', x: word, y: [amount, other]"),
        chart("lines", "type: line, x: n, y: amount, series: word, position: 1"),
        chart("areas", "type: area, x: n, y: amount, unit: EUR, position: 2"),
        chart("pies", "type: pie, x: word, y: amount, unit: EUR, position: 3"),
        chart("gauges", "type: gauge, y: amount, min: 0, max: 10, bands: [{to: 3, tone: poor}], position: 4"),
        chart("scatters", "type: scatter, x: n, y: amount, series: word, size: other, position: 5"),
        chart("tables", "type: table, position: 6"),
        chart("tiles", "type: tile, y: amount, unit: EUR, position: 7"),
        chart("nothing", "type: bar, x: word, y: amount, board: other"),
        "  - {name: asks, expose: {parameters: [{name: n, required: true}], chart: {type: table, board: other}}}\n".into(),
    ]
    .concat();
    let rows = "select n, case n when 2 then '</td><script>alert(2)</script>' when 3 then null else 'w' || n end as word,
                (n * 1234.5)::numeric(12,2) as amount, nullif(n, 3) * -2.5 as other from generate_series(1, 5) as n";
    let mut files: Vec<(String, String)> = vec![("models/prod/shop/m.yml".into(), yaml)];
    for name in ["bars", "lines", "areas", "pies", "gauges", "scatters", "tables", "tiles", "asks"] {
        files.push((format!("models/prod/shop/{name}.sql"), rows.to_owned()));
    }
    files.push(("models/prod/shop/nothing.sql".into(), format!("select * from ({rows}) as r where false")));
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let project = Project::new(&files).await;
    project.good(&["run"]);
    let server = Server::start(&project, &[]);

    let (status, policy, list) = page(&server, "/boards/").await;
    assert_eq!(status, 200);
    assert!(list.contains(">Shop</a>") && list.contains("8 charts") && list.contains(">Other</a>"), "{list}");
    assert!(policy.starts_with("default-src 'none'; style-src 'self'"), "{policy}");
    let (status, _, board) = page(&server, "/boards/shop").await;
    assert_eq!(status, 200);
    assert!(!board.contains("<script>") && !board.contains("NaN") && !board.contains(" style="), "{board}");
    assert_eq!(board.matches("<svg").count(), 6, "all but the table and the tiles");
    assert_eq!(board.matches("<table>").count(), 8, "the figures of each");
    assert!(board.contains("Bars &amp; &lt;script&gt;") && board.contains("1,234.50"), "{board}");
    for told in ["<p class=\"quiet\">In EUR</p>", "1,234.50 EUR (6.7 %)", "<dd>1,234.50 EUR</dd>"] {
        assert!(board.contains(told), "{told}: {board}");
    }
    let (_, _, other) = page(&server, "/boards/other").await;
    assert!(other.contains("There are no rows.") && other.contains("It needs parameters"), "{other}");
    assert_eq!(page(&server, "/boards/nowhere").await.0, 404);
    assert_eq!(page(&server, "/assets/elt.css").await.0, 200);
}

#[tokio::test]
async fn a_picture_of_too_many_rows_says_so_and_links_lead_where_they_say() {
    let yaml = "models:
  - name: many
    expose: {order: [n], chart: {type: line, x: n, y: n, board: 'Süd & Ost/1'}}
  - name: best
    expose: {order: [-n], limit: {default: 5, maximum: 50}, chart: {type: table, position: 1, board: 'Süd & Ost/1'}}
  - name: one
    expose: {path: '/one/{n}', parameters: [{name: n}], chart: {type: table, position: 2, board: 'Süd & Ost/1'}}
";
    let project = Project::new(&[
        ("models/prod/many.sql", "{{ config(materialized='table') }} select generate_series(1, 501) as n"),
        ("models/prod/best.sql", "select n from {{ ref('many') }}"),
        ("models/prod/one.sql", "select n from {{ ref('many') }}"),
        ("models/prod/m.yml", yaml),
    ])
    .await;
    project.good(&["run"]);
    let server = Server::start(&project, &[]);
    let (_, _, list) = page(&server, "/boards/").await;
    let link = "../boards/S%C3%BCd%20%26%20Ost%2F1";
    assert!(list.contains(&format!("href=\"{link}\"")), "{list}");
    let (status, _, board) = page(&server, &link[2..]).await;
    assert_eq!(status, 200, "{board}");
    assert!(board.contains("Drawn from the first 500 rows only; there are more."), "{board}");
    assert!(board.contains("The first 5 rows."), "{board}");
    assert!(board.contains("<code>/one/{n}</code>") && !board.contains("href=\"../one/"), "{board}");
    let (_, _, again) = page(&server, &link[2..]).await;
    assert_eq!(again, board, "it is the same out of memory");

    project.write("models/prod/many.sql", "select generate_series(1, 500) as n");
    project.good(&["run"]);
    server.serves_run(2).await;
    let (_, _, whole) = page(&server, &link[2..]).await;
    assert!(!whole.contains("there are more"), "drawn anew for each publication: {whole}");

    project.write(
        "models/prod/m.yml",
        "models: [{name: many, expose: {columns: [n], chart: {type: line, x: n, y: m}}}]\n",
    );
    project
        .elt(&["compile"])
        .expect(2)
        .says("error[bad-endpoint]: `many`: the chart draws `m`, which is not among its `columns`");
}
