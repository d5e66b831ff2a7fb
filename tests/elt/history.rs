//! What is written down of a run.

use crate::support::Project;

#[tokio::test]
async fn runs_nodes_loads_and_owned_relations_are_recorded() {
    let project = Project::new(&[
        ("models/raw/r.sql", "{{ config(materialized='load', source='r.csv') }}"),
        ("r.csv", "id\n1\n2\n"),
        ("models/prod/p.sql", "{{ config(materialized='table') }} select id from {{ ref('s') }}"),
        ("models/stage/s.sql", "select id from {{ ref('r') }}"),
    ])
    .await;
    project.good(&["run"]);
    assert_eq!(
        project.value("select status || ' ' || (finished_at >= started_at) from elt.runs").await,
        "succeeded true"
    );
    let nodes = "select string_agg(node || ' ' || kind || ' ' || status || ' ' || coalesce(row_count::text, '-'), ', ' order by position) from elt.run_nodes";
    assert_eq!(project.value(nodes).await, "raw.r load built 2, stage.s view built -, prod.p table built 2");
    let begun = "select bool_and(n.started_at between r.started_at and r.finished_at) \
                 from elt.run_nodes n join elt.runs r on r.id = n.run_id";
    assert_eq!(project.value(begun).await, "t");
    let load = "select location || ' ' || bytes || ' ' || row_count || ' ' || sha256 from elt.loads";
    // What sha256sum says of the file.
    assert_eq!(
        project.value(load).await,
        "r.csv 7 2 1d1c91d15ace6e21ea5f551e16e717f326992bdf800f6696628859be29b906bf"
    );
    assert_eq!(
        project.value("select count(*) from elt.relations").await,
        "7",
        "with what tells of the publication: its run, endpoints, tables and tests"
    );
    assert_eq!(project.value("select run_id from prod._elt_publication").await, "1");

    project.write("models/stage/s.sql", "select id::int / 0 as id from {{ ref('r') }}");
    project.elt(&["run"]).expect(1);
    let failure = "select status || ': ' || failed_step || ': ' || error from elt.runs where id = 2";
    assert_eq!(project.value(failure).await, "failed: prod.p: models/prod/p.sql:1:1: division by zero");

    // Who clears the history of old runs clears it of their nodes.
    assert_eq!(project.value("delete from elt.runs where id = 2 returning id").await, "2");
    assert_eq!(project.value("select string_agg(distinct run_id::text, ' ') from elt.run_nodes").await, "1");
}
