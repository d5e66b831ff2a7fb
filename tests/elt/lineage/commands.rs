//! Lineage as the commands tell it: of one column, and of a change.

use crate::support::Project;

#[tokio::test]
async fn a_column_is_followed_both_ways_through_ephemeral_models_and_sources() {
    let project = Project::new(&[
        ("models/raw/shop/sources.yml", "sources: [{name: shop, tables: [{name: people}]}]\n"),
        (
            "models/raw/shop/sales.sql",
            "{{ config(materialized='load', source='sales.csv') }}\nid integer,\nperson_id integer,\namount numeric(9,2),\n",
        ),
        (
            "models/stage/shop/paid.sql",
            "{{ config(materialized='ephemeral') }}\nselect s.*, p.name\nfrom {{ ref('sales') }} s\njoin {{ source('shop', 'people') }} p on p.id = s.person_id\n",
        ),
        (
            "models/prod/shop/totals.sql",
            "select name, sum(amount) as total, count(*) as sales\nfrom {{ ref('paid') }}\nwhere amount > 0 group by name\n",
        ),
        ("models/prod/shop/best.sql", "select * from {{ ref('totals') }} order by total desc limit 1\n"),
    ])
    .await;
    let best = project.good(&["lineage", "best"]).stdout;
    insta::assert_snapshot!(best, @r"
    prod.best
      name                         <- prod.totals.name as it is
      total                        <- prod.totals.total as it is
      sales                        <- prod.totals.sales as it is
    ");
    let total = project.good(&["lineage", "prod.totals.total"]).stdout;
    insta::assert_snapshot!(total, @r"
    prod.totals.total  models/prod/shop/totals.sql:1:14
    comes from
    └─ stage.paid.amount computed models/prod/shop/totals.sql:1:18
       └─ raw.sales.amount as it is models/stage/shop/paid.sql:2:8
    goes to
    └─ prod.best.total as it is models/prod/shop/best.sql:1:8
    ");
    let all = project.good(&["lineage", "sales.amount", "--downstream", "--all"]).stdout;
    insta::assert_snapshot!(all, @r"
    raw.sales.amount numeric(9,2)
    goes to
    └─ stage.paid.amount as it is models/stage/shop/paid.sql:2:8
       ├─ prod.totals.total computed models/prod/shop/totals.sql:1:18
       │  ├─ prod.best.total as it is models/prod/shop/best.sql:1:8
       │  └─ prod.best (its rows) sorts models/prod/shop/best.sql:1:8
       └─ prod.totals (its rows) filters models/prod/shop/totals.sql:3:7
    ");
    let json = project.good(&["lineage", "totals.total", "--upstream", "--depth", "1", "--json"]).stdout;
    insta::assert_snapshot!(json, @r#"{"direction":"upstream","depth":1,"of":"prod.totals.total","column":"stage.paid.amount","kinds":["computed"],"place":"models/prod/shop/totals.sql:1:18"}"#);

    project.write(
        "models/prod/shop/versions.sql",
        "{{ config(materialized='snapshot', unique_key='id', strategy='timestamp', updated_at='at') }}\n\
         select name as id, now() as at, total from {{ ref('totals') }}\n",
    );
    project.write(
        "models/prod/shop/ended.sql",
        "select id from {{ ref('versions') }} where dbt_valid_to is not null\n",
    );
    let versions = project.good(&["lineage", "versions.dbt_scd_id"]).stdout;
    assert!(versions.contains("prod.totals.name computed"), "{versions}");
    let ended = project.good(&["lineage", "ended", "--all"]);
    assert!(
        ended.stdout.contains("prod.versions.dbt_valid_to filters") && ended.stderr.is_empty(),
        "{ended}"
    );

    project.write(
        "models/prod/shop/shop.yml",
        "models:\n  - name: best\n    expose: {path: /best, columns: [name, total]}\n  - name: totals\n    expose: {columns: [name]}\n\
         exposures: [{name: board, type: dashboard, depends_on: [\"ref('best')\"]}]\n",
    );
    let used = project.good(&["lineage", "sales.amount", "--downstream"]).stdout;
    insta::assert_snapshot!(used, @r"
    raw.sales.amount numeric(9,2)
    goes to
    └─ stage.paid.amount as it is models/stage/shop/paid.sql:2:8
       └─ prod.totals.total computed models/prod/shop/totals.sql:1:18
          ├─ prod.best.total as it is models/prod/shop/best.sql:1:8
          └─ prod.versions.total as it is models/prod/shop/versions.sql:2:33
    used by
       endpoint /best reads prod.best
       exposure board reads prod.best
    ");
    let used = project.good(&["lineage", "sales.amount", "--downstream", "--json"]).stdout;
    assert!(
        used.contains(r#"{"direction":"downstream","used_by":"endpoint","name":"/best","of":"prod.best"}"#),
        "{used}"
    );
    assert!(project.good(&["lineage", "totals"]).stdout.contains("endpoint /totals"));
    assert!(!project.good(&["lineage", "sales.amount", "--upstream"]).stdout.contains("used by"));

    project.elt(&["lineage", "totals.totl"]).expect(2).says("did you mean `total`?");
    project.elt(&["lineage", "totls"]).expect(2).says("did you mean `totals`?");
    project.write("models/prod/shop/best.sql", "select *, nope from {{ ref('totals') }}\n");
    project
        .good(&["lineage", "best"])
        .says("models/prod/shop/best.sql:1:11: `nope` is no column of the relations here");
}

#[tokio::test]
async fn a_change_is_told_as_markdown_with_everything_that_feels_it() {
    let project = Project::new(&[
        ("models/stage/shop/sales.sql", "select 1 as id, 2 as cents, 'x' as label, 4 as gone, 5 as old_name\n"),
        ("models/stage/shop/other.sql", "select 1 as n\n"),
        ("models/prod/shop/totals.sql", "select id, sum(cents) as total from {{ ref('sales') }} where id > 0 group by id\n"),
        ("models/prod/shop/best.sql", "select * from {{ ref('totals') }}\n"),
        ("models/prod/shop/labels.sql", "select label as l from {{ ref('sales') }}\n"),
        (
            "models/prod/shop/shop.yml",
            "exposures: [{name: board, type: dashboard, owner: {name: Ann}, depends_on: [\"ref('best')\"]}]\n",
        ),
    ])
    .await;
    let git = |arguments: &[&str]| {
        let output = std::process::Command::new("git")
            .args(["-c", "user.name=t", "-c", "user.email=t@example.org", "-C"])
            .arg(&project.root)
            .args(arguments)
            .output()
            .expect("git is there");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    git(&["init", "-q", "-b", "main"]);
    git(&["add", "."]);
    git(&["commit", "-q", "-m", "before"]);
    project.good(&["lineage-diff"]).prints("No column is added");

    // Another spelling is no change.
    project.write(
        "models/stage/shop/sales.sql",
        "with s as (select 1 as id, 2 + 1 as cents, 'x' as label, 5 as new_name, null as more) SELECT s.* FROM s -- x\n",
    );
    project.write("models/prod/shop/best.sql", "select * from {{ ref('totals') }} where id > 7\n");
    project.remove("models/stage/shop/other.sql");
    project.write("models/stage/shop/fresh.sql", "select 1::int as n\n");
    let told = project.good(&["lineage-diff", "--against", "main"]).stdout;
    insta::assert_snapshot!(told, @r"
    ## Lineage of this change, against `main`

    2 changed, 1 added, 1 removed. Downstream, 2 columns of 2 models are computed from what changed.

    **Exposures that may feel it:** `board`

    ### `prod.best` changed

    `models/prod/shop/best.sql`

    Its rows are joined, filtered, grouped or sorted otherwise.

    ### `stage.fresh` added

    `models/stage/shop/fresh.sql`

    | column | change |
    |---|---|
    | `n` | added |

    ### `stage.sales` changed

    `models/stage/shop/sales.sql`

    | column | change |
    |---|---|
    | `cents` | computed otherwise |
    | `old_name` | **renamed** to `new_name` |
    | `more` | added |
    | `gone` | **removed** |

    ### `stage.other` removed

    `models/stage/shop/other.sql`

    ### Columns computed from what changed

    - `prod.best`: `total`
    - `prod.totals`: `total`
    ");
    let json = project.good(&["lineage-diff", "--json"]).stdout;
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["downstream"], serde_json::json!({"prod.best": ["total"], "prod.totals": ["total"]}));
    assert_eq!(json["exposures"], serde_json::json!(["board"]));
    let status =
        std::process::Command::new("git").arg("-C").arg(&project.root).args(["status", "--short"]).output();
    let status = String::from_utf8_lossy(&status.expect("git is there").stdout).into_owned();
    assert!(!status.contains("A "), "the user's index is not touched: {status}");

    // A type that is declared otherwise, and what comes of it.
    project.write(
        "models/raw/shop/paid.sql",
        "{{ config(source='paid.csv') }}\nid integer,\namount numeric(9,2)\n",
    );
    project.write("models/stage/shop/spent.sql", "select sum(amount) as spent from {{ ref('paid') }}\n");
    git(&["add", "."]);
    git(&["commit", "-q", "-m", "typed"]);
    project.write(
        "models/raw/shop/paid.sql",
        "{{ config(source='paid.csv') }}\nid bigint,\namount numeric(12,4)\n",
    );
    let told = project.good(&["lineage-diff"]).stdout;
    insta::assert_snapshot!(told, @r"
    ## Lineage of this change, against `main`

    1 changed, 0 added, 0 removed. Downstream, 1 column of 1 model is computed from what changed.

    ### `raw.paid` changed

    `models/raw/shop/paid.sql`

    | column | change |
    |---|---|
    | `id` | type `integer` becomes `bigint` |
    | `amount` | type `numeric(9,2)` becomes `numeric(12,4)` |

    ### Columns computed from what changed

    - `stage.spent`: `spent`
    ");
    let json = project.good(&["lineage-diff", "--json"]).stdout;
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(
        json["nodes"][0]["columns"][0],
        serde_json::json!({"change": "retyped", "column": "id", "from": "integer", "to": "bigint"})
    );

    project
        .elt(&["lineage-diff", "--against", "nope"])
        .expect(2)
        .says("`nope` is no folder, and no revision");
    project.elt(&["lineage-diff", "--against=--output=x"]).expect(2).says("no revision");
    project.write("before/profiles.yml", "target: dev\n");
    project.good(&["lineage-diff", "--against", "before"]).prints("`prod.best` added");
}
