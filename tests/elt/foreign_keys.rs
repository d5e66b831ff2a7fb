//! Foreign keys of contracts: judged beside, made while publishing, and pointing to what is published whichever
//! of the tables was replaced.

use crate::support::Project;

const CUSTOMERS: &str =
    "{{ config(materialized='table') }} select id, name from {{ source('crm', 'people') }}";
const ORDERS: &str =
    "{{ config(materialized='table') }} select id, customer_id from {{ source('crm', 'orders') }}";
const YAML: &str = "sources:
  - name: crm
    tables: [{name: people}, {name: orders}]
models:
  - name: customers
    config: {contract: {enforced: true}}
    columns:
      - {name: id, data_type: int, constraints: [{type: primary_key}]}
      - {name: name, data_type: text}
";
const ORDERS_YAML: &str = "models:
  - name: orders
    config: {contract: {enforced: true}}
    columns:
      - {name: id, data_type: int, constraints: [{type: primary_key}]}
      - {name: customer_id, data_type: int, constraints: [{type: foreign_key, to: \"ref('customers')\", to_columns: [id]}]}
";

async fn shop() -> Project {
    let project = Project::new(&[
        ("models/stage/customers.sql", CUSTOMERS),
        ("models/stage/customers.yml", YAML),
        ("models/stage/orders.sql", ORDERS),
        ("models/stage/orders.yml", ORDERS_YAML),
        ("models/prod/seen.sql", "select o.id, c.name from {{ ref('orders') }} o join {{ ref('customers') }} c on c.id = o.customer_id"),
    ])
    .await;
    project
        .database
        .run(
            "create schema crm; create table crm.people as select * from (values (1, 'ann'), (2, 'bob')) as t(id, name); \
             create table crm.orders as select * from (values (10, 1), (11, 2), (12, null)) as t(id, customer_id)",
        )
        .await;
    project
}

/// Every foreign key of published tables: what has it, what it is, and whether all rows were looked at.
async fn keys(project: &Project) -> String {
    project
        .value(
            "select string_agg(conrelid::regclass || ' ' || pg_get_constraintdef(oid) || ' ' || convalidated, '; ' \
             order by conrelid::regclass::text, conname) from pg_constraint where contype = 'f' and connamespace <> 'elt'::regnamespace",
        )
        .await
}

/// The errors, without what is said of the run.
fn told(stderr: &str) -> &str {
    let errors = &stderr[stderr.find("error[").expect("something is wrong")..];
    errors.split("\n\nnote: ").next().unwrap_or(errors).trim_end()
}

#[tokio::test]
async fn a_key_points_to_what_is_published_whichever_table_is_replaced() {
    let project = shop().await;
    project.good(&["run"]);
    let wanted = "stage.orders FOREIGN KEY (customer_id) REFERENCES stage.customers(id) DEFERRABLE true";
    assert_eq!(keys(&project).await, wanted);
    let oids = "select 'stage.customers'::regclass::oid || ' ' || 'stage.orders'::regclass::oid";
    for selected in ["customers", "orders", "customers orders", "customers orders seen"] {
        let before = project.value(oids).await;
        project.good(&["run", "--full-refresh", "--select", selected]);
        assert_ne!(project.value(oids).await, before, "{selected}");
        assert_eq!(keys(&project).await, wanted, "{selected}");
    }
    assert_eq!(project.value("select count(*) from prod.seen").await, "2");
    let litter =
        "select count(*) from pg_namespace where nspname like 'elt\\_old%' or nspname like 'elt\\_run%'";
    assert_eq!(project.value(litter).await, "0");
    let session = project.database.session().await;
    let refused =
        session.run("insert into stage.orders values (99, 99)").await.expect_err("no such customer");
    assert!(refused.is("23503"), "{refused}");

    // Without the key in the contract it is gone with the next rows, and what was pointed to may go.
    project.write(
        "models/stage/orders.yml",
        &ORDERS_YAML
            .replace(", constraints: [{type: foreign_key, to: \"ref('customers')\", to_columns: [id]}]", ""),
    );
    project.good(&["run"]);
    assert_eq!(keys(&project).await, "NULL");
}

#[tokio::test]
async fn rows_that_point_to_nothing_fail_with_their_values_before_anything_is_published() {
    let project = shop().await;
    project.good(&["run"]);
    project.database.run("insert into crm.orders values (13, 7), (14, 7), (15, 8)").await;
    let ended = project.elt(&["run"]).expect(1);
    insta::assert_snapshot!(told(&ended.stderr), @r#"
    error[constraint]: 3 rows of `orders` point to nothing in `customers`
     --> models/stage/orders.yml:6:84
      |
    6 |       - {name: customer_id, data_type: int, constraints: [{type: foreign_key, to: "ref('customers')", to_columns: [id]}]}
      |                                                                                    ^^^^^^^^^^^^^^^^
      |
      = help: Key (customer_id)=(7) is not present in table stage.customers.
              Key (customer_id)=(8) is not present in table stage.customers.
    "#);
    assert_eq!(project.value("select count(*) from stage.orders").await, "3");

    project.database.run("delete from crm.orders where id > 12; delete from crm.people where id = 2").await;
    let ended = project.elt(&["run", "--select", "customers"]).expect(1);
    insta::assert_snapshot!(told(&ended.stderr), @r#"
    error[constraint]: 1 row of stage.orders, which this run leaves as it is, would point to nothing in the new `customers`
     --> models/stage/orders.yml:6:84
      |
    6 |       - {name: customer_id, data_type: int, constraints: [{type: foreign_key, to: "ref('customers')", to_columns: [id]}]}
      |                                                                                    ^^^^^^^^^^^^^^^^
      |
      = help: Key (customer_id)=(2) is not present in table stage.customers.
              build it, too: --select customers orders
    "#);
    assert_eq!(project.value("select count(*) from stage.customers").await, "2");
    project.database.run("delete from crm.orders where customer_id = 2").await;
    project.good(&["run", "--select", "customers orders"]);
    assert_eq!(project.value("select count(*) from prod.seen").await, "1");
}

#[tokio::test]
async fn rows_are_added_on_both_sides_and_keys_stay() {
    let incremental = |columns: &str, table: &str| {
        format!(
            "{{{{ config(materialized='incremental', unique_key='id') }}}} select {columns} from {{{{ source('crm', '{table}') }}}}"
        )
    };
    let project = shop().await;
    project.write("models/stage/customers.sql", &incremental("id, name", "people"));
    project.write("models/stage/orders.sql", &incremental("id, customer_id", "orders"));
    project.write(
        "models/prod/counted.sql",
        "{{ config(materialized='materialized_view', indexes=[{'columns': ['customer_id'], 'unique': true}]) }} \
         select customer_id, count(*) as n from {{ ref('orders') }} group by 1",
    );
    project.good(&["run"]);
    let wanted = "stage.orders FOREIGN KEY (customer_id) REFERENCES stage.customers(id) DEFERRABLE true";
    let oids = "select 'stage.customers'::regclass::oid || ' ' || 'stage.orders'::regclass::oid";
    let before = project.value(oids).await;
    project
        .database
        .run("insert into crm.people values (3, 'eve'); insert into crm.orders values (13, 3)")
        .await;
    project.good(&["run"]);
    assert_eq!(keys(&project).await, wanted);
    assert_eq!(project.value(oids).await, before, "both tables stay");
    assert_eq!(project.value("select count(*) from prod.seen").await, "3");

    project.database.run("insert into crm.orders values (14, 4)").await;
    project
        .elt(&["run", "--select", "orders"])
        .expect(1)
        .says("1 row of `orders` points to nothing in `customers`")
        .says("Key (customer_id)=(4) is not present in table stage.customers.");
    project.database.run("insert into crm.people values (4, 'joe')").await;
    // A replaced parent under a child that stays, and one that takes rows.
    project.good(&["run", "--full-refresh", "--select", "customers"]);
    assert_eq!(keys(&project).await, wanted);
    project.good(&["run"]);
    assert_eq!(keys(&project).await, wanted);
    project.good(&["run", "--full-refresh"]);
    assert_eq!(keys(&project).await, wanted);
    assert_eq!(project.value("select count(*) from prod.seen").await, "4");

    let counted =
        "select string_agg(concat_ws(':', customer_id, n), ' ' order by customer_id) from prod.counted";
    assert_eq!(project.value(counted).await, "1:1 2:1 3:1 4:1 1");
    // Only the parent is replaced, what reads its child is made anew with it.
    project.database.run("update crm.orders set customer_id = 1 where id = 11").await;
    project.good(&["run", "--full-refresh", "--select", "customers counted"]);
    assert_eq!(keys(&project).await, wanted);

    // Configured later, a key is made on the table that stands; configured no more, it goes.
    let keyless = ORDERS_YAML
        .replace(", constraints: [{type: foreign_key, to: \"ref('customers')\", to_columns: [id]}]", "");
    project.write("models/stage/orders.yml", &keyless);
    project.good(&["run"]);
    assert_eq!(keys(&project).await, "NULL");
    project.write("models/stage/orders.yml", ORDERS_YAML);
    project.good(&["run"]);
    assert_eq!(keys(&project).await, wanted);
}

#[tokio::test]
async fn tables_point_to_themselves_to_rules_and_to_what_elt_did_not_make() {
    let project = Project::new(&[
        ("rules/countries.csv", "code,name\nPE,Peru\nDE,Germany\n"),
        ("rules/rules.yml", "rules: [{name: countries, config: {indexes: [{columns: [code], unique: true}]}}]"),
        (
            "models/stage/people.sql",
            "{{ config(materialized='table') }} select id, boss, country, city from {{ source('hr', 'Staff \"now\"') }}",
        ),
        (
            "models/stage/people.yml",
            "sources:
  - name: hr
    tables: [{name: 'Staff \"now\"'}, {name: cities}]
models:
  - name: people
    config: {contract: {enforced: true}}
    constraints:
      - {type: primary_key, columns: [id]}
      - {type: foreign_key, name: 'the \"boss\"', columns: [boss], to: ref('people')}
      - {type: foreign_key, columns: [country], expression: stage.countries (code)}
      - {type: foreign_key, columns: [city, country], to: \"source('hr', 'cities')\", to_columns: [name, code]}
    columns:
      - {name: id, data_type: int}
      - {name: boss, data_type: int}
      - {name: country, data_type: text}
      - {name: city, data_type: text}
",
        ),
    ])
    .await;
    project
        .database
        .run(
            "create schema hr; create table hr.\"Staff \"\"now\"\"\" (id int, boss int, country text, city text); \
             insert into hr.\"Staff \"\"now\"\"\" values (1, null, 'PE', 'Lima'), (2, 1, 'DE', null); \
             create table hr.cities (code text, name text); insert into hr.cities values ('PE', 'Lima')",
        )
        .await;
    let ended = project.elt(&["run"]).expect(2);
    insta::assert_snapshot!(told(&ended.stderr), @r#"
    error[bad-contract]: a foreign key points to (name, code) of hr.cities, which is no key there
      --> models/stage/people.yml:11:60
       |
    11 |       - {type: foreign_key, columns: [city, country], to: "source('hr', 'cities')", to_columns: [name, code]}
       |                                                            ^^^^^^^^^^^^^^^^^^^^^^
       |
       = help: elt did not make that table: give it a primary key or a unique index

    1 problem; nothing was run.
    "#);
    project
        .elt(&["check"])
        .expect(1)
        .says("a foreign key points to (name, code) of hr.cities, which is no key there");
    project.database.run("alter table hr.cities add unique (code, name)").await;
    project.good(&["check"]);
    for _ in 0..2 {
        project.good(&["run", "--full-refresh"]);
    }
    insta::assert_snapshot!(keys(&project).await.replace("; ", "\n"), @r"
    stage.people FOREIGN KEY (city, country) REFERENCES hr.cities(name, code) DEFERRABLE true
    stage.people FOREIGN KEY (country) REFERENCES stage.countries(code) DEFERRABLE true
    stage.people FOREIGN KEY (boss) REFERENCES stage.people(id) DEFERRABLE true
    ");
    project.database.run("update hr.\"Staff \"\"now\"\"\" set boss = 5 where id = 2").await;
    project.elt(&["run"]).expect(1).says("Key (boss)=(5) is not present in table stage.people.");
}

#[tokio::test]
async fn a_key_that_cannot_be_made_is_told_before_anything_is_built() {
    let of = |key: &str| {
        format!(
            "models:
  - name: a
    config: {{contract: {{enforced: true}}}}
    columns: [{{name: id, data_type: int}}, {{name: word, data_type: text}}]
    constraints: [{{type: unique, columns: [word]}}]
  - name: b
    config: {{contract: {{enforced: true}}}}
    columns: [{{name: n, data_type: int}}]
    constraints: [{{type: foreign_key, columns: [n], {key}}}]
"
        )
    };
    let project = Project::new(&[
        ("models/prod/a.sql", "{{ config(materialized='table') }} select 1 as id, 'x' as word"),
        ("models/prod/b.sql", "{{ config(materialized='table') }} select 1 as n"),
        ("models/prod/c.sql", "select 1 as n"),
        (
            "models/prod/d.sql",
            "{{ config(materialized='table', unlogged=true, indexes=[{'columns': ['n'], 'unique': true}]) }} select 1 as n",
        ),
        ("models/prod/b.yml", &of("to: ref('a'), to_columns: [id]")),
    ])
    .await;
    let ended = project.elt(&["compile"]).expect(2);
    insta::assert_snapshot!(ended.stderr.trim_end(), @r"
    error[bad-contract]: `b`: a foreign key points to (id) of `a`, which is no key there
     --> models/prod/b.yml:9:57
      |
    9 |     constraints: [{type: foreign_key, columns: [n], to: ref('a'), to_columns: [id]}]
      |                                                         ^^^^^^^^
      |
      = help: give `a` a contract with {type: primary_key, columns: [id]}, or a unique index

    1 problem; nothing was run.
    ");
    for (key, told) in [
        ("to: ref('aa')", "there is no model or rule `aa`"),
        ("to: ref('c'), to_columns: [n]", "`b`: a foreign key points to `c`, which is a view"),
        ("to: ref('d'), to_columns: [n]", "`b`: a foreign key points to `d`, which is unlogged"),
        ("to: ref('a')", "`b`: a foreign key says not which columns of `a` it points to"),
        ("to: ref('a'), to_columns: [id, word]", "`b`: a foreign key has 1 columns and points to 2"),
        ("expression: 'a (id)'", "`b`: a foreign key points to `a (id)`, which is no model, rule or source"),
        ("expression: 'prod.a (id) on delete cascade'", "which is no model, rule or source"),
        ("name: x", "`b`: a foreign key says not what it points to"),
    ] {
        project.write("models/prod/b.yml", &of(key));
        project.elt(&["compile"]).expect(2).says(told).says("models/prod/b.yml:9:");
    }
    project.write("models/prod/b.yml", &of("to: ref('a'), to_columns: [word]"));
    project
        .elt(&["run"])
        .expect(2)
        .says("error[bad-contract]: `b` cannot point to `a`: operator does not exist: text = integer")
        .says("nothing was run");
}

#[tokio::test]
async fn a_key_that_a_dead_run_left_unproved_is_proved_by_the_next() {
    let project = shop().await;
    project.good(&["run"]);
    let wanted = keys(&project).await;
    project
        .database
        .run(
            "alter table stage.orders drop constraint orders_customer_id_fkey; \
             alter table stage.orders add foreign key (customer_id) references stage.customers (id) deferrable not valid",
        )
        .await;
    assert!(keys(&project).await.ends_with("false"));
    project.good(&["run", "--select", "seen"]);
    assert_eq!(keys(&project).await, wanted);

    // What others hung on a table is theirs, and is in the way as ever.
    project.database.run("create table crm.notes (customer int references stage.customers (id))").await;
    project
        .elt(&["run"])
        .expect(1)
        .says("the foreign key to stage.customers of the table crm.notes depends on a relation that this run replaces");
    project.database.run("drop table crm.notes").await;

    // While somebody reads the table that stays, the run waits and readers go on.
    let reader = project.database.session().await;
    reader.run("begin; select * from stage.orders").await.expect("it can be read");
    let mut run = project.start(&["run", "--full-refresh", "--select", "customers"]);
    let waits = "select count(*) from elt.runs where status = 'running'";
    while project.value(waits).await == "0" {
        assert!(run.try_wait().expect("it can be asked").is_none(), "it must not end before the reader");
    }
    assert_eq!(project.value("select count(*) from stage.orders").await, "3");
    reader.run("commit").await.expect("it ends");
    assert!(run.wait().expect("it ends").success());
    assert_eq!(keys(&project).await, wanted);
}

#[tokio::test]
async fn a_developers_copy_points_to_its_own_tables_alone() {
    let project = shop().await;
    project.write(
        "profiles.yml",
        "target: prod\ntargets:\n  prod: {}\n  alice: {schema_prefix: alice_, defer: prod}\n",
    );
    project.good(&["run"]);
    project.good(&["run", "--target", "alice", "--select", "orders"]).says(
        "foreign keys to what is read from elsewhere are not made: alice_stage.orders to stage.customers",
    );
    let wanted = "stage.orders FOREIGN KEY (customer_id) REFERENCES stage.customers(id) DEFERRABLE true";
    assert_eq!(keys(&project).await, wanted);
    project.good(&["run", "--target", "alice"]);
    let own =
        "alice_stage.orders FOREIGN KEY (customer_id) REFERENCES alice_stage.customers(id) DEFERRABLE true";
    assert_eq!(keys(&project).await, format!("{own}; {wanted}"));
    // What it promised before holds of what is read there, too.
    project.database.run("insert into crm.orders values (13, 9)").await;
    project.elt(&["run", "--target", "alice", "--select", "orders"]).expect(1).says("Key (customer_id)=(9)");
}
