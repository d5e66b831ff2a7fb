//! `elt retry` goes on from what a failed run had built, where that is what it would build now.

use crate::support::{Ended, Project};

const TABLE: &str = "{{ config(materialized='table') }}";
const SCHEMAS: &str = r"select coalesce(string_agg(nspname, ' ' order by nspname), '') from pg_namespace where nspname like 'elt\_%'";

/// The last run's nodes and tests of a status, in order of their names.
async fn last(project: &Project, status: &str) -> String {
    let sql = format!(
        "select coalesce(string_agg(node, ' ' order by node), '') from elt.run_nodes \
         where run_id = (select max(id) from elt.runs) and status = '{status}'"
    );
    project.value(&sql).await
}

/// Tells one table from another that has its name and rows.
async fn file_of(project: &Project, name: &str) -> String {
    project
        .value(&format!("select string_agg(relfilenode::text, ' ') from pg_class where relname = '{name}'"))
        .await
}

/// a (table, tested) -> v (view) -> b (fails on the data) -> c, and a table beside.
async fn chain() -> Project {
    Project::new(&[
        ("models/stage/a.sql", &format!("{TABLE} select n from generate_series(0, 3) as t(n)")),
        ("models/stage/a.yml", "models: [{name: a, columns: [{name: n, tests: [not_null]}]}]"),
        ("models/stage/v.sql", "select n from {{ ref('a') }}"),
        ("models/prod/b.sql", &broken()),
        ("models/prod/c.sql", &format!("{TABLE} select count(*) as n from {{{{ ref('b') }}}}")),
        ("models/prod/beside.sql", &format!("{TABLE} select 1 as n, clock_timestamp() as at")),
    ])
    .await
}

fn broken() -> String {
    format!("{TABLE} select 6 / n as n from {{{{ ref('v') }}}}")
}

fn mended() -> String {
    format!("{} where n > 0", broken())
}

#[tokio::test]
async fn a_retry_builds_from_the_failed_node_on_and_publishes_what_the_failed_run_had_built() {
    let project = chain().await;
    let failed = project.elt(&["run"]).expect(1);
    failed.says("3 nodes that were built are kept until the next run begins: `elt retry` goes on from here");
    assert_eq!(project.value(SCHEMAS).await, "elt_run_1");
    let (a, beside) = (file_of(&project, "a").await, project.value("select at from elt_run_1.beside").await);

    project.write("models/prod/b.sql", &mended());
    let ended = project.good(&["retry"]).says("elt run of run 1 again, which ended at prod.b");
    let ended = ended.says("Published 5 relations").says("2 built, 3 kept, 1 test kept").says("from run 1");
    assert!(!ended.stderr.contains("note"), "{ended}");
    assert_eq!(last(&project, "built").await, "prod.b prod.c");
    assert_eq!(last(&project, "kept").await, "not_null_a_n prod.beside stage.a stage.v");
    assert_eq!(file_of(&project, "a").await, a, "the table is the one that run 1 built");
    assert_eq!(project.value("select at from prod.beside").await, beside, "what is never skipped, too");
    assert_eq!(project.value("select n from prod.c").await, "3");
    assert_eq!(project.value("select count(*) from stage.v").await, "4");
    assert_eq!(project.value(SCHEMAS).await, "");
    assert_eq!(project.value("select count(*) from elt.kept_nodes").await, "0");
    let again = project.good(&["run"]).says("Published 1 relation").says("4 unchanged, 1 test unchanged");
    assert!(again.stderr.contains("prod.beside"), "only what reads the clock: {again}");
}

#[tokio::test]
async fn what_was_changed_since_is_built_again_with_all_that_reads_it() {
    let project = chain().await;
    project.elt(&["run"]).expect(1);
    project.write("models/stage/a.sql", &format!("{TABLE} select n from generate_series(1, 5) as t(n)"));
    project.good(&["retry"]).says("4 built, 1 kept, 1 test passed");
    assert_eq!(last(&project, "kept").await, "prod.beside");
    assert_eq!(project.value("select n from prod.c").await, "5");

    // A relation that is not as it was left is no use; and what reads it neither.
    project.write("models/prod/b.sql", &format!("{TABLE} select 1 / (n - n) as n from {{{{ ref('v') }}}}"));
    project.elt(&["run", "--full-refresh"]).expect(1);
    project.database.run("truncate elt_run_3.a").await;
    project.write("models/prod/b.sql", &broken());
    project.good(&["retry"]);
    assert_eq!(last(&project, "kept").await, "prod.beside");
    assert_eq!(project.value("select count(*) from stage.v").await, "5");
    assert_eq!(project.value(SCHEMAS).await, "");
}

#[tokio::test]
async fn any_other_run_in_between_sweeps_and_a_retry_says_that_nothing_was_kept() {
    let project = chain().await;
    project.elt(&["run"]).expect(1);
    project.good(&["run", "--select", "beside"]);
    assert_eq!(project.value(SCHEMAS).await, "");
    project.good(&["retry"]).says("run 2 succeeded: there is nothing to retry");

    project.elt(&["run"]).expect(1);
    project.elt(&["run"]).expect(1);
    assert_eq!(project.value(SCHEMAS).await, "elt_run_4", "those of the last run only");
    project.database.run("drop schema elt_run_4 cascade").await;
    project.write("models/prod/b.sql", &mended());
    project.good(&["retry"]).says("nothing was kept of run 4: what it had built is built again");
    assert_eq!(last(&project, "built").await, "prod.b prod.beside prod.c stage.a stage.v");
}

#[tokio::test]
async fn a_retry_that_fails_leaves_to_the_next_what_both_have_built() {
    let project = chain().await;
    project.elt(&["run"]).expect(1);
    let a = file_of(&project, "a").await;
    project.write("models/prod/b.sql", &mended());
    project.write(
        "models/prod/c.sql",
        &format!("{TABLE} select 1 / (count(*) - 3) as n from {{{{ ref('b') }}}}"),
    );
    let failed = project.elt(&["retry"]).expect(1).says("4 nodes that were built are kept");
    failed.says("what was kept from run 1 was read from its sources then: `elt run` reads all anew");
    assert_eq!(project.value(SCHEMAS).await, "elt_run_2");
    // A project that cannot be planned loses nothing.
    project.write("models/prod/c.sql", &format!("{TABLE} {{{{ config(grants={{'select': ['nobody_of_that_name']}}) }}}} select count(*) as n from {{{{ ref('b') }}}}"));
    project.elt(&["retry"]).expect(2).says("nobody_of_that_name");
    project.write("models/prod/c.sql", &format!("{TABLE} select count(*) as n from {{{{ ref('b') }}}}"));
    project.good(&["retry"]).says("1 built, 4 kept, 1 test kept").says("from run 1").says("from run 2");
    assert_eq!(file_of(&project, "a").await, a);
    assert_eq!(project.value("select n from prod.c").await, "3");
    assert_eq!(project.value(SCHEMAS).await, "");
    project.good(&["run"]).says("4 unchanged, 1 test unchanged");
}

#[tokio::test]
async fn a_run_that_was_killed_is_gone_on_from_too() {
    let slow = |seconds: u32| format!("{TABLE} select n from {{{{ ref('v') }}}}, pg_sleep({seconds})");
    let project = chain().await;
    project.write("models/prod/b.sql", &slow(60));
    let mut run = project.start(&["run"]);
    let kept =
        "select concat_ws(' ', (select count(*) from elt.kept_nodes), (select count(*) from elt.kept_tests))";
    project.wait_for(kept, "3 1").await;
    let a = file_of(&project, "a").await;
    run.kill().expect("SIGKILL can be sent");
    run.wait().expect("it ends");
    project.write("models/prod/b.sql", &slow(0));
    project.good(&["retry"]).says("2 built, 3 kept, 1 test kept");
    assert_eq!(file_of(&project, "a").await, a);
    assert_eq!(project.value("select n from prod.c").await, "4");
    assert_eq!(project.value(SCHEMAS).await, "");

    project.write("models/prod/b.sql", &slow(61));
    let run = project.start(&["run", "--full-refresh"]);
    project.wait_for("select count(*) from pg_stat_activity where query like '%pg_sleep(61)%' and pid <> pg_backend_pid()",
        "1",
    )
    .await;
    let stopped = std::process::Command::new("kill").args(["-INT", &run.id().to_string()]).status();
    assert!(stopped.is_ok_and(|status| status.success()));
    let ended = Ended::new(&["run"], run.wait_with_output().expect("it ends")).expect(1);
    ended.says("Cancelled").says("3 nodes that were built are kept");
    project.write("models/prod/b.sql", &slow(0));
    project.good(&["retry"]).says("2 built, 3 kept, 1 test kept");
}

#[tokio::test]
async fn what_failed_to_be_published_is_published_without_being_built_again() {
    let project = chain().await;
    project.write("models/prod/b.sql", &mended());
    project.good(&["run"]);
    project.database.run("create materialized view public.theirs as select * from prod.c").await;
    project.elt(&["run", "--full-refresh"]).expect(1).says("5 nodes that were built are kept");
    project.database.run("drop materialized view public.theirs").await;
    project.good(&["retry"]).says("Published 5 relations").says(": 5 kept, 1 test kept");
    assert_eq!(project.value(SCHEMAS).await, "");
    project.good(&["run"]).says("4 unchanged, 1 test unchanged");
}

#[tokio::test]
async fn what_a_failed_test_reads_is_built_again_and_a_file_that_was_mended_is_loaded_again() {
    let load = |file: &str| format!("{{{{ config(materialized='load', source='{file}') }}}}\nid int");
    let by_file = "{{ config(materialized='load', source='events/*.csv', incremental='file') }}\nid int";
    let project = Project::new(&[
        ("good.csv", "id\n1\n2\n"),
        ("bad.csv", "id\n1\n1\n"),
        ("events/1.csv", "id\n1\n"),
        ("models/raw/good.sql", &load("good.csv")),
        ("models/raw/bad.sql", &load("bad.csv")),
        ("models/raw/events.sql", by_file),
        ("models/stage/of_good.sql", &format!("{TABLE} select id from {{{{ ref('good') }}}}")),
        ("models/stage/of_bad.sql", &format!("{TABLE} select id, random() as r from {{{{ ref('bad') }}}}")),
        ("models/stage/m.yml", "models: [{name: of_bad, columns: [{name: id, tests: [unique]}]}]"),
    ])
    .await;
    project.elt(&["run"]).expect(1).says("4 nodes that were built are kept");
    project.elt(&["retry"]).expect(1).says("unique_of_bad_id");
    assert_eq!(last(&project, "built").await, "stage.of_bad");
    assert_eq!(last(&project, "kept").await, "raw.bad raw.events raw.good stage.of_good");
    project.write("bad.csv", "id\n1\n2\n");
    project.good(&["retry"]).says("2 built, 3 kept, 1 test passed");
    assert_eq!(last(&project, "built").await, "raw.bad stage.of_bad");
    // How far the load had come is known as if the last run had made it.
    project.write("events/2.csv", "id\n2\n");
    project.good(&["run"]);
    assert_eq!(project.value("select string_agg(id::text, ' ' order by id) from raw.events").await, "1 2");
    assert_eq!(
        project.value("select count(*) from elt.loads where node = 'raw.events' and added").await,
        "1"
    );
}

#[tokio::test]
async fn what_is_added_to_a_published_table_is_added_anew_and_only_once() {
    let project = Project::new(&[
        (
            "models/stage/events.sql",
            "{{ config(materialized='incremental') }} select {{ var('n') }} as n \
             {% if is_incremental() %} where {{ var('n') }} > (select max(n) from {{ this }}) {% endif %}",
        ),
        (
            "models/stage/history.sql",
            "{{ config(materialized='snapshot', unique_key='id', strategy='check', check_cols='all') }} \
             select 1 as id, {{ var('n') }} as n",
        ),
        ("models/stage/unlogged.sql", "{{ config(materialized='table', unlogged=true) }} select 1 as n"),
        (
            "models/prod/total.sql",
            "{{ config(materialized='table') }} select sum(n) as n from {{ ref('events') }}",
        ),
        ("models/prod/last.sql", "{{ config(materialized='table') }} select 1 / {{ var('d') }} as n, sum(n) as s from {{ ref('total') }}"),
    ])
    .await;
    let broken = "{{ config(materialized='table') }} select 1 / 0 as n from {{ ref('total') }}";
    let good = "{{ config(materialized='table') }} select n from {{ ref('total') }}";
    project.write("models/prod/last.sql", broken);
    project.elt(&["run", "--vars", "{n: 1}"]).expect(1).says("2 nodes that were built are kept");
    project.write("models/prod/last.sql", good);
    project.good(&["retry"]);
    assert_eq!(
        last(&project, "kept").await,
        "prod.total stage.events",
        "an incremental model that was built whole"
    );

    project.write("models/prod/last.sql", broken);
    project.elt(&["run", "--vars", "{n: 2}"]).expect(1);
    project.write("models/prod/last.sql", good);
    project.good(&["retry"]);
    assert_eq!(
        last(&project, "built").await,
        "prod.last prod.total stage.events stage.history stage.unlogged"
    );
    assert_eq!(project.value("select string_agg(n::text, ' ' order by n) from stage.events").await, "1 2");
    assert_eq!(project.value("select count(*) from stage.history").await, "2");
    assert_eq!(project.value("select n from prod.last").await, "3");
    assert_eq!(project.value(SCHEMAS).await, "");
}

#[tokio::test]
async fn targets_keep_their_own_and_a_full_disk_keeps_nothing() {
    let project = chain().await;
    project.write("profiles.yml", "target: dev\ntargets: {dev: {}, mine: {schema_prefix: mine_}}\n");
    project.elt(&["run"]).expect(1);
    project.elt(&["run", "--target", "mine"]).expect(1);
    project.write("models/prod/b.sql", &mended());
    project.good(&["retry", "--target", "mine"]).says("2 built, 3 kept");
    assert_eq!(project.value(SCHEMAS).await, "elt_run_1");
    project.good(&["retry"]).says("elt run of run 1 again").says("2 built, 3 kept");
    assert_eq!(
        project.value("select count(*) from mine_stage.v union all select count(*) from stage.v").await,
        "4"
    );
    assert_eq!(project.value(SCHEMAS).await, "");

    project
        .database
        .run("create function public.full_disk() returns int language plpgsql as $$ begin raise exception 'No space left on device' using errcode = '53100'; end $$")
        .await;
    project.write(
        "models/prod/b.sql",
        &format!("{TABLE} select public.full_disk() as n from {{{{ ref('v') }}}}"),
    );
    let full = project.elt(&["run", "--full-refresh"]).expect(1).says("error[disk-full]");
    assert!(!full.stderr.contains("are kept"), "{full}");
    assert_eq!(project.value(SCHEMAS).await, "");
}

#[tokio::test]
async fn what_is_kept_is_in_nobodys_way() {
    let view = |kind: &str, columns: &str| {
        format!("{{{{ config(materialized='{kind}') }}}} select {columns} from {{{{ ref('p') }}}}")
    };
    let project = Project::new(&[
        ("models/prod/p.sql", &format!("{TABLE} select 1 as n, 2 as m")),
        ("models/prod/v.sql", &view("view", "n")),
        ("models/prod/mv.sql", &view("materialized_view", "n")),
        ("models/prod/z.sql", "{{ config(materialized='table') }} select 1 as n"),
    ])
    .await;
    project.good(&["run"]);
    let fail = || {
        project.write("models/prod/v.sql", &view("view", "n, m"));
        project.write("models/prod/mv.sql", &view("materialized_view", "n, m"));
        project.write("models/prod/z.sql", &format!("{TABLE} select 1 / 0 as n"));
        project.elt(&["run"]).expect(1).says("2 nodes that were built are kept");
        project.write("models/prod/z.sql", &format!("{TABLE} select 2 as n"));
    };
    fail();
    // Both read the p that is published, and p loses the column that they read.
    project.write("models/prod/p.sql", &format!("{TABLE} select 1 as n"));
    project.write("models/prod/v.sql", &view("view", "n"));
    project.write("models/prod/mv.sql", &view("materialized_view", "n"));
    let plan = project.good(&["plan"]);
    assert!(!plan.stdout.contains("Beware"), "{plan}");
    let ended = project.good(&["retry"]).says("Published 4 relations").says("4 built");
    let ended = ended.says("nothing that run 2 had built is what it would be now");
    assert!(!ended.stderr.contains("is not elt's"), "{ended}");

    project.write("models/prod/p.sql", &format!("{TABLE} select 1 as n, 2 as m"));
    project.good(&["run"]);
    fail();
    // Somebody else's project replaces what is read.
    project.database.run("insert into elt.runs (target, prod_schema, command, elt_version, host, process_id, started_by) values ('other', 'other', 'run', '', '', 0, '')").await;
    project.database.run("update elt.runs set prod_schema = 'other' where id = 5").await;
    project.write("models/prod/p.sql", &format!("{TABLE} select 1 as n"));
    project.write("models/prod/v.sql", &view("view", "n"));
    project.write("models/prod/mv.sql", &view("materialized_view", "n"));
    let ended = project.good(&["run"]).says("Published 3 relations");
    assert!(!ended.stderr.contains("note"), "{ended}");
    assert_eq!(
        project
            .value(
                "select string_agg(relname, ' ') from pg_class where relnamespace = 'elt_run_5'::regnamespace"
            )
            .await,
        "NULL"
    );
    project.database.run("update elt.runs set prod_schema = 'prod' where id = 5").await;

    project.write("models/prod/p.sql", &format!("{TABLE} select 1 as n, 2 as m"));
    project.good(&["run"]);
    fail();
    for name in ["p", "v", "mv"] {
        project.remove(&format!("models/prod/{name}.sql"));
    }
    project.good(&["prune", "--yes"]);
    assert_eq!(
        project
            .value("select string_agg(relname, ' ') from pg_class where relname in ('p', 'v', 'mv')")
            .await,
        "NULL"
    );
    assert_eq!(project.value(SCHEMAS).await, "");
}

#[tokio::test]
async fn what_stands_on_something_that_is_built_again_is_built_again() {
    let project = Project::new(&[
        ("models/stage/a.sql", &format!("{TABLE} select 1 as n")),
        ("models/stage/v.sql", "select n from {{ ref('a') }}"),
        ("models/stage/over.sql", "select n from {{ ref('v') }}"),
        ("models/stage/slow.sql", &format!("{TABLE} select n from {{{{ ref('over') }}}}, pg_sleep(0.3)")),
        (
            "tests/together.sql",
            "select v.n from {{ ref('v') }} v join {{ ref('slow') }} s on {{ var('off', 1) }} = v.n",
        ),
    ])
    .await;
    project.elt(&["run"]).expect(1).says("together found 1 row");
    assert_eq!(
        project.value("select string_agg(node, ' ' order by node) from elt.kept_nodes").await,
        "stage.a"
    );
    project
        .write("tests/together.sql", "select v.n from {{ ref('v') }} v join {{ ref('slow') }} s on v.n = 2");
    project.good(&["retry"]).says("3 built, 1 kept, 1 test passed");
    assert_eq!(last(&project, "kept").await, "stage.a", "over reads a view that is built again");
    assert_eq!(project.value("select pg_get_viewdef('stage.over'::regclass) like '%elt_run%'").await, "f");
    assert_eq!(project.value("select n from stage.slow").await, "1");
    assert_eq!(project.value(SCHEMAS).await, "");
}
