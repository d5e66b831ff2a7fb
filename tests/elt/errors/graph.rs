//! What is wrong with how models hang together, in whole texts.

use crate::support::Project;

#[tokio::test]
async fn circles_and_steps_back_are_told() {
    let project = Project::new(&[
        ("models/stage/c.sql", "select * from {{ ref('d') }}"),
        ("models/stage/d.sql", "select * from {{ ref('c') }}"),
        ("models/prod/p.sql", "select * from {{ ref('r') }}"),
        ("models/raw/r.sql", "{{ config(materialized='load', source='r.csv') }} n integer"),
    ])
    .await;
    insta::assert_snapshot!(project.elt(&["compile"]).expect(2).stderr, @r#"
    error[layer-order]: the prod model `p` refers to the raw model `r`
     --> models/prod/p.sql:1:23
      |
    1 | select * from {{ ref('r') }}
      |                       ^
      |
      = help: prod refers to stage and prod; put a stage model between

    error[cycle]: models refer to each other in a circle: c -> d -> c
     --> models/stage/c.sql:1:23
      |
    1 | select * from {{ ref('d') }}
      |                       ^
      |
      = help: take one of these references out, or split a model in two

    2 problems; nothing was run.
    "#);
}
