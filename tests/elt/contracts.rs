//! Contracts: broken ones are shown before anything is built, kept ones make tables with constraints.

use crate::support::Project;

const YAML: &str = "models:
  - name: orders
    config: {contract: {enforced: true}}
    constraints:
      - {type: primary_key, columns: [id]}
      - {type: check, expression: amount > 0, name: amount_is_positive}
    columns:
      - {name: id, data_type: int8, constraints: [{type: not_null}]}
      - {name: amount, data_type: 'numeric(12,2)'}
      - {name: at, data_type: timestamptz}
      - {name: note, data_type: varchar, constraints: [{type: unique}]}
  - name: shown
    config: {contract: {enforced: true}}
    columns: [{name: id, data_type: bigint}]
";

fn orders(select: &str) -> String {
    format!("{{{{ config(materialized='table') }}}} select {select} from {{{{ ref('base') }}}}")
}

#[tokio::test]
async fn a_broken_contract_is_shown_column_by_column_before_anything_is_built() {
    let project = Project::new(&[
        ("models/stage/base.sql", "{{ config(materialized='table') }} select 1 as id from pg_sleep(0)"),
        (
            "models/prod/orders.sql",
            &orders("id, 1.5::numeric(10,4) as amount, 'x' as extra, 'n'::varchar as note"),
        ),
        ("models/prod/shown.sql", "select id::text as id from {{ ref('base') }}"),
        ("models/prod/o.yml", YAML),
    ])
    .await;
    let ended = project.elt(&["run"]).expect(2);
    let at = ended.stderr.find("error[contract").expect("it is told");
    insta::assert_snapshot!(ended.stderr[at..].trim_end(), @r"
    error[contract-broken]: `orders` breaks its contract
     --> models/prod/o.yml:8:16
      |
    8 |       - {name: id, data_type: int8, constraints: [{type: not_null}]}
      |                ^^
      |
      = help: change the query or the contract:
              column  declared                  the query yields
              id      bigint                    integer
              amount  numeric(12,2)             numeric(10,4)
              at      timestamp with time zone  (missing)
              extra   (not declared)            text

    error[contract-broken]: `shown` breaks its contract
      --> models/prod/o.yml:14:22
       |
    14 |     columns: [{name: id, data_type: bigint}]
       |                      ^^
       |
       = help: change the query or the contract:
               column  declared  the query yields
               id      bigint    text

    2 problems; nothing was run.
    ");
    assert_eq!(
        project.value("select count(*) from pg_class where relname = 'base'").await,
        "0",
        "nothing was built"
    );
    project
        .elt(&["check"])
        .expect(1)
        .says("`orders` breaks its contract")
        .says("`shown` breaks its contract");
    project.write("models/prod/o.yml", &YAML.replace("int8", "intt"));
    project.elt(&["check"]).expect(1).says("type \"intt\" does not exist").says("models/prod/o.yml:8:");
}

#[tokio::test]
async fn a_table_under_contract_has_the_promised_types_order_and_constraints() {
    let project = Project::new(&[
        ("models/stage/base.sql", "select 1::bigint as id"),
        (
            "models/prod/orders.sql",
            &orders("'n'::varchar as note, now() as at, id, 1.555::numeric as amount"),
        ),
        ("models/prod/shown.sql", "select id from {{ ref('base') }}"),
        ("models/prod/o.yml", YAML),
    ])
    .await;
    for _ in 0..2 {
        project.good(&["run"]);
    }
    let columns = "select string_agg(attname || ' ' || format_type(atttypid, atttypmod) || case when attnotnull then ' not null' else '' end, ', ' order by attnum) \
                   from pg_attribute where attrelid = 'prod.orders'::regclass and attnum > 0";
    assert_eq!(
        project.value(columns).await,
        "id bigint not null, amount numeric(12,2), at timestamp with time zone, note character varying"
    );
    let constraints = "select string_agg(pg_get_constraintdef(oid), ', ' order by contype, conname) from pg_constraint where conrelid = 'prod.orders'::regclass";
    assert_eq!(
        project.value(constraints).await,
        "CHECK ((amount > (0)::numeric)), PRIMARY KEY (id), UNIQUE (note)"
    );
    project.write(
        "models/prod/orders.sql",
        &orders("'n'::varchar as note, now() as at, id, -1::numeric as amount"),
    );
    let ended = project.elt(&["run"]).expect(1);
    ended
        .says("error[constraint]")
        .says("violates check constraint \"amount_is_positive\"")
        .says("prod is as it was");
    project.write(
        "models/prod/orders.sql",
        &orders("'n'::varchar as note, now() as at, null::bigint as id, 1::numeric as amount"),
    );
    project.elt(&["run"]).expect(1).says("null value in column \"id\"").says("models/prod/o.yml:8:");
    assert_eq!(project.value("select amount from prod.orders").await, "1.56");
}

#[tokio::test]
async fn what_a_contract_lacks_is_told() {
    let project = Project::new(&[
        ("models/prod/a.sql", "{{ config(contract={'enforced': true}) }} select 1 as n"),
        ("models/prod/b.sql", "{{ config(contract={'enforced': true}) }} select 1 as n"),
        (
            "models/prod/b.yml",
            "models: [{name: b, columns: [{name: n, constraints: [{type: foreign_key, to: a}]}]}]",
        ),
    ])
    .await;
    let ended = project.elt(&["compile"]).expect(2);
    let ended = ended
        .says("`a` is under contract, but no YAML says what its columns are")
        .says("`n` has no data_type");
    ended
        .says("`b`: a foreign key points to `a`, which is no model, rule or source")
        .says("`b` is a view, which keeps no constraints");
}
