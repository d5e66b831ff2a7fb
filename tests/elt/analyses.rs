//! Queries in `analyses/`: compiled, listed, selected and shown, and never built.

use crate::support::Project;

#[tokio::test]
async fn analyses_are_compiled_listed_and_shown_and_nothing_is_built_of_them() {
    let project = Project::new(&[
        ("profiles.yml", "name: shop\n"),
        ("models/stage/a.sql", "select 1 as n"),
        ("analyses/deep/look.sql", "{{ config(tags=['mine']) }}select n + 1 as next from {{ ref('a') }}"),
        ("analyses/off.sql", "{{ config(enabled=false) }}select 1 from {{ ref('nope') }}"),
        (
            "analyses/a.yml",
            "analyses:\n  - name: look\n    description: What comes next.\n    columns: [{name: next}]\n",
        ),
    ])
    .await;
    project.good(&["run"]).says("Published 1 relation");
    project
        .good(&["compile"])
        .prints("-- look (analyses/deep/look.sql)\nselect n + 1 as next from \"stage\".\"a\"");
    project.good(&["compile", "--out", "compiled", "--select", "look"]);
    assert!(project.root.join("compiled/analyses/deep/look.sql").exists());
    assert!(!project.root.join("compiled/models").exists());
    project.good(&["show", "look"]).prints("next").prints("2");
    project.good(&["show", "--select", "look"]).prints("2");
    assert_eq!(project.good(&["ls"]).stdout, "stage.a\n");
    for selection in [["--resource-type", "analysis"], ["--select", "tag:mine"], ["--select", "a+,deep"]] {
        let listed = project.elt(&[&["ls"], &selection[..]].concat());
        assert_eq!(listed.stdout, if selection[1] == "a+,deep" { "" } else { "look\n" }, "{listed}");
    }
    project
        .good(&["ls", "--resource-type", "analysis", "--output", "json"])
        .prints("\"unique_id\":\"analysis.shop.look\"")
        .prints("\"fqn\":[\"shop\",\"analysis\",\"deep\",\"look\"]")
        .prints("What comes next.");
    let manifest = std::fs::read_to_string(project.root.join("target/manifest.json")).expect("it is written");
    let manifest: serde_json::Value = serde_json::from_str(&manifest).expect("it is JSON");
    let node = &manifest["nodes"]["analysis.shop.look"];
    assert_eq!(node["compiled_code"], "select n + 1 as next from \"stage\".\"a\"");
    assert_eq!(node["depends_on"]["nodes"][0], "model.shop.a");

    project.write("analyses/deep/look.sql", "select 1\nfrom {{ ref('b') }}");
    project.elt(&["run"]).expect(2).says("there is no model or rule `b`").says("analyses/deep/look.sql:2:");
}
