//! Loads that go on where the last one ended: nothing is lost, nothing comes twice.

use std::time::Duration;

use crate::support::Project;

const BY_FILE: &str = "{{ config(source='data/*.csv', incremental='file') }}\nid int, name text";

async fn names(project: &Project) -> String {
    project.value("select string_agg(id || name, ' ' order by id, name) from raw.r").await
}

async fn rows_of_last_load(project: &Project) -> String {
    project.value("select row_count::text from elt.loads order by run_id desc limit 1").await
}

#[tokio::test]
async fn only_new_and_changed_files_are_read() {
    let project = Project::new(&[
        ("models/raw/r.sql", BY_FILE),
        ("models/stage/s.sql", "select count(*) as n from {{ ref('r') }}"),
        ("models/stage/s.yml", "models: [{name: r, columns: [{name: id, tests: [unique]}]}]"),
        ("data/a.csv", "id,name\n1,a\n2,b\n"),
        ("data/b.csv", "id,name\n3,c\n"),
    ])
    .await;
    project.good(&["run"]);
    project.write("data/c.csv", "id,name\n4,d\n");
    project.write("data/b.csv", "id,name\n3,changed\n5,e\n");
    project.good(&["run"]);
    assert_eq!(names(&project).await, "1a 2b 3changed 4d 5e");
    assert_eq!(rows_of_last_load(&project).await, "3");
    assert_eq!(project.value("select n::text from stage.s").await, "5");
    project.good(&["run"]);
    assert_eq!(rows_of_last_load(&project).await, "0");
    assert_eq!(names(&project).await, "1a 2b 3changed 4d 5e");

    // What fails does not count as read.
    project.write("data/d.csv", "id,name\n1,twice\n");
    project.elt(&["run"]).expect(1).says("unique");
    project.write("data/d.csv", "id,name\n6,f\n");
    project.good(&["run"]);
    assert_eq!(names(&project).await, "1a 2b 3changed 4d 5e 6f");
    assert_eq!(rows_of_last_load(&project).await, "1");

    project.write("data/d.csv", "id,name\n");
    project
        .elt(&["run"])
        .expect(1)
        .says("data/d.csv has changed and is without rows now")
        .says("--full-refresh");
    project.good(&["run", "--full-refresh"]);
    assert_eq!(names(&project).await, "1a 2b 3changed 4d 5e");
    project.remove("models/stage/s.yml");
    // Its rows stay when a file is gone, so one with a new name is told.
    std::fs::rename(project.root.join("data/b.csv"), project.root.join("data/z.csv")).expect("it is there");
    project.good(&["run"]).says("data/z.csv looks like data/b.csv under another name");
}

#[tokio::test]
async fn a_file_with_new_columns_adds_them_to_the_table_that_is_there() {
    let model = |policy: &str| {
        format!(
            "{{{{ config(source='data/*.csv', incremental='file', metadata=['_row'], on_columns_change='{policy}') }}}}\n"
        )
    };
    let project = Project::new(&[
        ("models/raw/r.sql", &(model("add") + "id int, name text")),
        ("models/stage/s.sql", "{{ config(materialized='table') }} select * from {{ ref('r') }}"),
        ("data/a.csv", "id,name\n1,a\n"),
    ])
    .await;
    let rows = "select string_agg(concat_ws('|', id, name, coalesce(to_jsonb(r)->>'colour', '-'), _row, _file), ' ' order by id) from raw.r";
    project.good(&["run"]);
    project.write("data/b.csv", "name,colour,id\nb,red,2\n");
    project.good(&["run"]).says("columns that only data/b.csv has were added as text: colour");
    assert_eq!(project.value(rows).await, "1|a|-|1|data/a.csv 2|b|red|1|data/b.csv");
    assert_eq!(project.value("select string_agg(colour, '') from stage.s").await, "red");
    project.write("data/c.csv", "id,name\n3,c\n");
    project.good(&["run"]);
    project.good(&["run"]);
    assert_eq!(project.value(rows).await, "1|a|-|1|data/a.csv 2|b|red|1|data/b.csv 3|c|-|1|data/c.csv");
    // An empty body takes the published table's columns; a file that has others is told.
    project.write("models/raw/r.sql", &model("fail"));
    project.write("data/c.csv", "id,name\n3,C\n");
    project
        .elt(&["run"])
        .expect(1)
        .says("data/c.csv does not fit its table: the table has `colour` that the file lacks");
    project.write("data/c.csv", "id,name,colour\n3,C,blue\n");
    project.good(&["run"]);
    assert_eq!(project.value(rows).await, "1|a|-|1|data/a.csv 2|b|red|1|data/b.csv 3|C|blue|1|data/c.csv");
    assert_eq!(project.value("select pg_typeof(id)::text from raw.r limit 1").await, "integer");
}

/// A load of `shop.orders` that goes on by its column `at`.
fn by_cursor(words: &str) -> String {
    format!(
        "{{{{ config(source=env_var('SHOP_URL'), table='shop.orders', incremental={{'cursor': 'at'}}{words}) }}}}"
    )
}

/// A project that loads `shop.orders`, which is not there yet, from its own database.
async fn shop() -> Project {
    let project = Project::new(&[("models/raw/r.sql", &by_cursor(", unique_key='id'"))]).await;
    let url = project.database.url.clone();
    project.env("SHOP_URL", &url)
}

#[tokio::test]
async fn a_cursor_brings_what_is_newer_and_a_key_what_has_changed() {
    let project = shop().await;
    project
        .database
        .run(
            "create schema shop; create table shop.orders (id int, name text, at timestamptz); \
             insert into shop.orders values (1, 'a', '2024-01-01'), (2, 'b', '2024-01-02')",
        )
        .await;
    project.good(&["run"]);
    project
        .database
        .run(
            "update shop.orders set name = 'B', at = '2024-01-03' where id = 2; \
             insert into shop.orders values (3, 'late', '2023-12-31'), (4, 'd', '2024-01-03')",
        )
        .await;
    project.good(&["run"]);
    assert_eq!(names(&project).await, "1a 2B 4d");
    assert_eq!(rows_of_last_load(&project).await, "2");
    // One that came later with the same time is not lost.
    project.database.run("insert into shop.orders values (5, 'e', '2024-01-03')").await;
    project.good(&["run"]);
    project.good(&["run"]);
    assert_eq!(names(&project).await, "1a 2B 4d 5e");
    project.good(&["run", "--full-refresh"]);
    assert_eq!(names(&project).await, "1a 2B 3late 4d 5e");

    // Without a key rows are only added; those that could not be told apart are refused.
    project.write("models/raw/r.sql", &by_cursor(""));
    project.database.run("insert into shop.orders values (6, 'f', '2024-01-04')").await;
    project.good(&["run"]);
    project.good(&["run"]);
    assert_eq!(names(&project).await, "1a 2B 3late 4d 5e 6f");
    project.database.run("insert into shop.orders values (7, 'g', null)").await;
    project.elt(&["run", "--full-refresh"]).expect(1).says("`at` is empty or infinite in 1 of the rows");
    project.write("models/raw/r.sql", &by_cursor("").replace("'at'", "'name'"));
    project.elt(&["run", "--full-refresh"]).expect(1).says("the cursor `name` is text");
    project.write("models/raw/r.sql", &by_cursor("").replace("'at'", "'ta'"));
    project.elt(&["run", "--full-refresh"]).expect(1).says("no column `ta` to be its cursor");
}

#[tokio::test]
async fn a_row_without_an_end_or_a_cursor_does_not_hide_those_that_come_later() {
    let project = shop().await;
    let shop = |sql: &'static str| project.database.run(sql);
    shop(
        "create schema shop; create table shop.orders (id int, name text, at timestamptz); \
          insert into shop.orders values (1, 'a', '2024-01-01'), (2, 'b', 'infinity')",
    )
    .await;
    project.good(&["run"]);
    shop("insert into shop.orders values (3, 'c', '2024-01-02'), (4, 'd', null)").await;
    project.good(&["run"]);
    shop("insert into shop.orders values (5, 'e', '2024-01-03'); update shop.orders set name = 'D' where id = 4")
        .await;
    project.good(&["run"]);
    assert_eq!(names(&project).await, "1a 2b 3c 4D 5e");
    assert!(
        project
            .value("select cursor_value from elt.loads order by run_id desc limit 1")
            .await
            .starts_with("2024-01-03")
    );

    // Without a key such rows would come twice: they are refused, those that come later, too.
    shop("delete from shop.orders where id in (2, 4)").await;
    project.write("models/raw/r.sql", &by_cursor(""));
    project.good(&["run", "--full-refresh"]);
    shop("insert into shop.orders values (6, 'f', null)").await;
    project.elt(&["run"]).expect(1).says("`at` is empty or infinite in 1 of the rows");
    shop("update shop.orders set at = 'infinity' where id = 6").await;
    project.elt(&["run"]).expect(1).says("`at` is empty or infinite in 1 of the rows");
    shop("update shop.orders set at = '2024-01-04' where id = 6").await;
    project.good(&["run"]);
    assert_eq!(names(&project).await, "1a 3c 5e 6f");
}

#[tokio::test]
async fn rows_as_old_as_the_last_ones_come_once_also_without_a_key() {
    let model = "{{ config(source=env_var('SHOP_URL'), table='shop.orders', incremental={'cursor': 'at'}, metadata=['_run_id']) }}";
    let project = Project::new(&[("models/raw/r.sql", model)]).await;
    let url = project.database.url.clone();
    let project = project.env("SHOP_URL", &url);
    let shop = |sql: &'static str| project.database.run(sql);
    shop(
        "create schema shop; create table shop.orders (id int, name text, at date, info json); \
         insert into shop.orders values (1, 'a', '2024-01-01', '{}'), (2, 'b', '2024-01-02', null)",
    )
    .await;
    project.good(&["run"]);
    // The day goes on: one more, one that is there already once more, and one that is new.
    shop(
        "insert into shop.orders values (3, 'c', '2024-01-02', '{\"a\": 1}'), (2, 'b', '2024-01-02', null), \
         (4, 'd', '2024-01-03', null)",
    )
    .await;
    project.good(&["run"]);
    assert_eq!(names(&project).await, "1a 2b 2b 3c 4d");
    assert_eq!(rows_of_last_load(&project).await, "3");
    project.good(&["run"]);
    assert_eq!(rows_of_last_load(&project).await, "0");
    project.good(&["run"]).says("Nothing to publish: 1 unchanged");
    assert_eq!(names(&project).await, "1a 2b 2b 3c 4d");
}

#[tokio::test]
async fn rows_before_all_others_come_where_a_key_tells_them_apart() {
    for (kind, low, first, last) in [
        ("timestamptz", "-infinity", "2024-01-01", "2024-01-02"),
        ("double precision", "-Infinity", "1.5", "2.5"),
        ("numeric", "-Infinity", "1.5", "2.5"),
    ] {
        let model = "{{ config(source=env_var('SHOP_URL'), table='shop.orders', incremental={'cursor': 'at'}, unique_key='id') }}";
        let project = Project::new(&[("models/raw/r.sql", model)]).await;
        let url = project.database.url.clone();
        let project = project.env("SHOP_URL", &url);
        let made = format!(
            "create schema shop; create table shop.orders (id int, name text, at {kind}); \
             insert into shop.orders values (1, 'a', '{first}'), (2, 'b', '{last}')"
        );
        project.database.run(&made).await;
        project.good(&["run"]);
        project.database.run(&format!("insert into shop.orders values (3, 'c', '{low}')")).await;
        project.good(&["run"]);
        project.database.run("update shop.orders set name = 'C' where id = 3").await;
        project.good(&["run"]);
        assert_eq!(names(&project).await, "1a 2b 3C", "{kind}");
    }
}

#[tokio::test]
async fn kill_9_at_any_moment_neither_loses_nor_doubles_rows() {
    let project = Project::new(&[
        ("models/raw/r.sql", BY_FILE),
        (
            "models/stage/s.sql",
            "{{ config(materialized='table') }} select count(*) as n from {{ ref('r') }}, pg_sleep(0.15)",
        ),
    ])
    .await;
    for round in 0..6_u64 {
        project.write(&format!("data/{round}.csv"), &format!("id,name\n{round},x\n"));
        let mut run = project.start(&["run"]);
        tokio::time::sleep(Duration::from_millis(40 + 90 * round)).await;
        run.kill().expect("SIGKILL can be sent");
        let _ = run.wait();
    }
    // A killed run's sessions may still be ending.
    for _ in 0..50 {
        if project.elt(&["run"]).status == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(names(&project).await, "0x 1x 2x 3x 4x 5x");
}
