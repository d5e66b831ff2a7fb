//! Rows from another PostgreSQL.

use crate::support::Project;

async fn project(model: &str) -> Project {
    let project = Project::new(&[("models/raw/orders.sql", model)]).await;
    let url = project.database.url.clone();
    project.env("SHOP_URL", &url).env("AWAY", "postgres://me:hunter22@127.0.0.1:1/shop")
}

const WHOLE: &str =
    "{{ config(source=env_var('SHOP_URL'), table='shop.Orders', metadata=['_run_id', '_row']) }}";

#[tokio::test]
async fn a_table_comes_with_its_types_and_a_query_with_what_it_yields() {
    let project = project(WHOLE).await;
    project
        .database
        .run(
            r#"create schema shop; create type shop.mood as enum ('good', 'bad');
            create domain shop.code as varchar(9);
            create table shop."Orders" (id bigint, "a""b" numeric(10,2), mood shop.mood, code shop.code,
                tags text[], info jsonb, at timestamptz, kind regclass, day date);
            insert into shop."Orders" values (1, 1.10, 'good', 'x', '{a,"b,c"}', '{"k": 1}', '2024-01-02 03:04Z', 'pg_class', '2024-01-02'),
                (2, null, null, null, null, null, null, null, null)"#,
        )
        .await;
    project.good(&["run"]);
    let types = "select string_agg(format_type(atttypid, atttypmod), ', ' order by attnum) from pg_attribute \
                 where attrelid = 'raw.orders'::regclass and attnum > 0";
    assert_eq!(
        project.value(types).await,
        "bigint, numeric(10,2), text, character varying(9), text[], jsonb, timestamp with time zone, text, date, bigint, bigint"
    );
    let same = r#"select bool_and(r.id = o.id and r."a""b" is not distinct from o."a""b" and r.mood is not distinct from o.mood::text
        and r.tags is not distinct from o.tags and r.info is not distinct from o.info and r.at is not distinct from o.at
        and r.kind is not distinct from o.kind::text and r._row = r.id and r._run_id = 1)::text
        from raw.orders r full join shop."Orders" o using (id)"#;
    assert_eq!(project.value(same).await, "true");
    let load =
        "select location || ' ' || row_count || ' ' || (bytes > 100) || ' ' || length(sha256) from elt.loads";
    let load = project.value(load).await;
    assert!(load.starts_with("postgresql://") || load.starts_with("postgres://"), "{load}");
    assert!(load.ends_with(" 2 true 64") && !load.contains('@'), "{load}");

    project.write(
        "models/raw/orders.sql",
        "{{ config(source=env_var('SHOP_URL'), query='select id::int as number, at from shop.\"Orders\" -- all') }}\nat timestamptz,\nnumber int not null",
    );
    project.good(&["run"]);
    assert_eq!(
        project.value("select string_agg(number::text, ',' order by number) from raw.orders").await,
        "1,2"
    );
    // The same rows leave the table as it is; others do not.
    project.good(&["run"]).says("Nothing to publish: 1 unchanged");
    project.database.run("update shop.\"Orders\" set at = now() where id = 1").await;
    project.good(&["run"]).says("Published 1 relation");

    project.write(
        "models/raw/orders.sql",
        "{{ config(source=env_var('SHOP_URL'), table='shop.Orders') }}\nid int,\nmoood text",
    );
    let ended = project.elt(&["run"]).expect(1);
    ended
        .says("`id` is bigint at the source and integer in the table")
        .says("the table has `moood` that the source lacks")
        .says("cast in `query`");
    assert_eq!(project.value("select count(*)::text from raw.orders").await, "2");
}

#[tokio::test]
async fn what_the_other_server_says_is_told_and_its_password_is_not() {
    let project = project("{{ config(source=env_var('SHOP_URL'), query='select nothing') }}").await;
    project.elt(&["run"]).expect(1).says("column \"nothing\" does not exist");
    project.write(
        "models/raw/orders.sql",
        "{{ config(source=env_var('SHOP_URL'), query='drop schema elt cascade') }}",
    );
    project.elt(&["run"]).expect(1).says("syntax error");
    project.write("models/raw/orders.sql", "{{ config(source=env_var('AWAY'), table='orders') }}");
    let ended = project.elt(&["run"]).expect(1).says("postgres://127.0.0.1:1/shop");
    assert!(!ended.stderr.contains("hunter22"), "{ended}");
    project.write("models/raw/orders.sql", "{{ config(source='postgres://h/d') }}");
    project.elt(&["run"]).expect(2).says("says neither `table` nor `query`");
}

#[tokio::test]
async fn ctrl_c_ends_the_query_on_the_other_server_too() {
    let project =
        project("{{ config(source=env_var('SHOP_URL'), query='select pg_sleep(120)::text as slept') }}")
            .await;
    let running = project.start(&["run"]);
    let asleep = "select count(*)::text from pg_stat_activity where application_name = 'elt load' \
                  and datname = current_database() and state = 'active'";
    project.wait_for(asleep, "1").await;
    let killed = std::process::Command::new("kill").args(["-INT", &running.id().to_string()]).status();
    assert!(killed.is_ok_and(|status| status.success()));
    let ended = running.wait_with_output().expect("it ends");
    assert!(!ended.status.success());
    project.wait_for(asleep, "0").await;
}

#[tokio::test]
async fn columns_that_come_and_go_are_met_by_policy_also_where_rows_are_added() {
    let model = |words: &str, body: &str| {
        format!(
            "{{{{ config(source=env_var('SHOP_URL'), table='\"my.shop\".\"Or\"\"ders\"'{words}) }}}}\n{body}"
        )
    };
    let project = project(&model("", "id int")).await;
    let shop = |sql: &'static str| project.database.run(sql);
    shop(
        r#"create schema "my.shop"; create table "my.shop"."Or""ders" (id int, name text, at date);
        insert into "my.shop"."Or""ders" values (1, 'a', '2024-01-01')"#,
    )
    .await;
    let rows = "select string_agg(o::text, ' ' order by id) from raw.orders o";
    project.elt(&["run"]).expect(1).says("the source has `name` that the table lacks");
    project.write("models/raw/orders.sql", &model(", on_columns_change='ignore'", "id int, gone text"));
    project
        .good(&["run"])
        .says("columns that only the source has were passed over: name, at")
        .says("columns that the source lacks are NULL: gone");
    assert_eq!(project.value(rows).await, "(1,)");
    project.write("models/raw/orders.sql", &model(", on_columns_change='add'", "id bigint"));
    project.elt(&["run"]).expect(1).says("`id` is integer at the source and bigint in the table");

    let by_cursor = ", incremental={'cursor': 'at'}, unique_key='id', on_columns_change=";
    project.write("models/raw/orders.sql", &model(&format!("{by_cursor}'add'"), ""));
    project.good(&["run"]);
    shop(
        r#"alter table "my.shop"."Or""ders" add size int; alter table "my.shop"."Or""ders" drop name;
        insert into "my.shop"."Or""ders" values (2, '2024-01-02', 7)"#,
    )
    .await;
    project
        .good(&["run"])
        .says("columns that only the source has were added: size")
        .says("columns that the source lacks are NULL: name");
    assert_eq!(project.value(rows).await, "(1,,2024-01-01,) (2,,2024-01-02,7)");
    project.write("models/raw/orders.sql", &model(&format!("{by_cursor}'ignore'"), ""));
    shop(r#"alter table "my.shop"."Or""ders" add color text; insert into "my.shop"."Or""ders" values (3, '2024-01-03', 8, 'red')"#)
        .await;
    project.good(&["run"]).says("passed over: color");
    assert_eq!(project.value(rows).await, "(1,,2024-01-01,) (2,,2024-01-02,7) (3,,2024-01-03,8)");
}
