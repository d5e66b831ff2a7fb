//! Pages about much: many tables, wide ones, huge texts.

use super::browse;
use crate::server::Server;
use crate::support::Project;

#[tokio::test]
async fn many_tables_are_listed_a_page_at_a_time_and_wide_rows_and_huge_texts_are_shown_in_part() {
    let project = Project::new(&[]).await;
    let mut yaml = String::from("models:\n");
    for number in 0..130 {
        project.write(&format!("models/prod/many/table_{number:03}.sql"), "select 1 as n");
        let words = "What it holds, in many words. ".repeat(40);
        yaml += &format!("  - {{name: table_{number:03}, description: 'No. {number}. {words}'}}\n");
    }
    project.write("models/prod/many/many.yml", &yaml);
    let columns: Vec<String> = (0..150).map(|number| format!("{number} as c{number}")).collect();
    project.write("models/prod/wide/wide.sql", &format!("select {}", columns.join(", ")));
    let huge = "select repeat('é', 30000000) as t, null::text as u from generate_series(1, 20)";
    project.write("models/prod/wide/huge.sql", huge);
    project.good(&["run"]);
    let server = Server::start(&project, &[]);
    server.serves_run(1).await;

    let first = browse(&server, "/ui/data").await;
    first.says(&[
        "1–100 of 132 tables",
        "<a href=\"?page=2\" rel=\"next\">",
        ">table_000</a>",
        "What it hold…</td>",
    ]);
    first.keeps_quiet_about(&[">table_129</a>", "rel=\"prev\""]);
    assert!(first.text.len() < 80_000, "{} bytes", first.text.len());
    let second = browse(&server, "/ui/data?page=2").await;
    second.says(&[
        "101–132 of 132 tables",
        "<a href=\"?page=1\" rel=\"prev\">",
        ">table_129</a>",
        ">wide</a>",
    ]);
    let found = browse(&server, "/ui/data?find=TABLE_12%20").await;
    found.says(&["value=\"table_12\"", ">table_120</a>", ">table_129</a>"]);
    found.keeps_quiet_about(&[">table_119</a>", "tables <", "rel=\"next"]);
    browse(&server, "/ui/data?find=no.%20117.").await.says(&[">table_117</a>"]);
    let none = browse(&server, "/ui/data?find=%22%3E%3Cscript%3E").await;
    none.says(&["No table is called or described so."]).keeps_quiet_about(&["<script>"]);

    let wide = browse(&server, "/ui/data/wide").await;
    wide.says(&["150 columns", "<th scope=\"row\">c149</th>", ">C99</th>", "there are 50 more."]);
    wide.keeps_quiet_about(&[">C100</th>"]);
    let huge = browse(&server, "/ui/data/huge").await;
    huge.says(&[&format!("<td>{}…</td>", "é".repeat(200))]);
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.process.id()));
    if let Ok(status) = status {
        let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux tells it");
        let kib: u64 = most.trim().trim_end_matches(" kB").parse().expect("it is a number");
        assert!(kib < 200_000, "600 MB of texts stay where they are: {kib} KiB");
    }
}
