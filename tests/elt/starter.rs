//! `elt init`: the project it makes runs at once.

use crate::support::Project;

#[tokio::test]
async fn a_new_project_runs_is_tested_and_is_ready_to_serve() {
    let project = Project::new(&[]).await;
    project.write("shop/README.md", "mine\n");
    project
        .good(&["init", "shop", "--name", "Corner shop"])
        .says("README.md was there already")
        .says("Next: cd shop && elt run");
    assert_eq!(std::fs::read_to_string(project.root.join("shop/README.md")).expect("it is there"), "mine\n");
    let run = project.good(&["run", "--project-dir", "shop"]);
    run.says("Published").prints("Americas");
    project.good(&["test", "--project-dir", "shop"]).says("tests passed");
    project.good(&["check", "--project-dir", "shop"]);
    let sales =
        "select string_agg(region || ' ' || amount, ', ' order by amount desc) from prod.sales_by_region";
    assert_eq!(project.value(sales).await, "Asia 189.50, Americas 63.25, Africa 34.00, Europe 7.60");
    project.good(&["debug", "--project-dir", "shop"]).prints("elt_reader can connect");
    project.elt(&["init", "shop"]).expect(2).says("is an elt project already");

    project.good(&["init", "empty", "--example", "none"]).says("Next: cd empty && elt debug");
    project.good(&["debug", "--project-dir", "empty"]).prints("0 models");
    let readme = std::fs::read_to_string(project.root.join("empty/README.md")).expect("it was made");
    assert!(readme.starts_with("# empty\n"), "{readme}");
}
