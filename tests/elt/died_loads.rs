//! Loads that failed, were stopped or died on their way: the next one reads only what has not come, and no row is
//! there twice.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UnixStream};

use crate::support::Project;

const SCHEMAS: &str = r"select coalesce(string_agg(nspname, ' ' order by nspname), '') from pg_namespace where nspname like 'elt\_%'";
const LEFT: &str =
    "select (select count(*) from elt.begun_loads) || ' ' || (select count(*) from elt.begun_load_files)";

/// Other bytes, of which nothing tells that they are others.
fn change_unseen(project: &Project, path: &str, text: &str) {
    let whole = project.root.join(path);
    let before = whole.metadata().expect("it is there");
    assert_eq!(before.len(), text.len() as u64);
    project.write(path, text);
    let file = File::options().write(true).open(&whole).expect("it can be opened");
    file.set_modified(before.modified().expect("the system knows")).expect("its time can be set");
}

/// Starts a run and kills it while what `b.csv` brought is not committed.
async fn kill_at_b(project: &Project) {
    project.database.run("update public.control set slow = true").await;
    let mut run = project.start(&["run"]);
    let waits = "select count(*)::text from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()";
    project.wait_for(waits, "1").await;
    run.kill().expect("SIGKILL can be sent");
    run.wait().expect("it ends");
    project.database.run("update public.control set slow = false").await;
}

/// A project whose second file can be made to take a minute.
async fn slow_project(model: &str) -> Project {
    let project = Project::new(&[
        ("models/raw/r.sql", model),
        ("models/raw/other.sql", "{{ config(source='data/a.csv') }}"),
        ("data/a.csv", "id,name\n1,a\n2,b\n"),
        ("data/b.csv", "id,name\n3,c\n4,d\n"),
        ("data/c.csv", "id,name\n5,e\n"),
    ])
    .await;
    project.good(&["run", "--select", "other"]);
    project
        .database
        .run(
            "create table public.control as select false as slow; \
             create function public.wait() returns trigger language plpgsql as $$ begin \
               if new.file like '%/b%' and (select slow from public.control) then perform pg_sleep(60); end if; \
               return new; end $$; \
             create trigger wait before insert on elt.begun_load_files for each row execute function public.wait()",
        )
        .await;
    project
}

#[tokio::test]
async fn files_that_had_come_when_a_load_was_killed_are_not_read_again() {
    let model = "{{ config(source='data/*.csv', metadata=['_file', '_row']) }}\nid int, name text";
    let project = slow_project(model).await;
    kill_at_b(&project).await;
    assert_eq!(project.value(LEFT).await, "1 1");
    // Who reads it now finds something else.
    change_unseen(&project, "data/a.csv", "id,name\n8,x\n9,y\n");
    project
        .good(&["run", "--select", "r"])
        .says("raw.r: went on where the load of run 2 ended: 1 of 3 files were there");
    let rows = "select string_agg(id || name || ' ' || _file || ' ' || _row, ', ' order by id) from raw.r";
    assert_eq!(
        project.value(rows).await,
        "1a data/a.csv 1, 2b data/a.csv 2, 3c data/b.csv 1, 4d data/b.csv 2, 5e data/c.csv 1"
    );
    let record = "select row_count || ' ' || bytes || ' ' || length(sha256) from elt.loads order by run_id desc limit 1";
    assert_eq!(project.value(record).await, "5 44 64");
    assert_eq!(project.value(LEFT).await, "0 0");
    assert_eq!(project.value(SCHEMAS).await, "");
    // What a file holds is looked at as ever.
    project.good(&["run"]);
    assert_eq!(project.value("select string_agg(id::text, ' ' order by id) from raw.r").await, "3 4 5 8 9");
    project.good(&["run"]).says("Nothing to publish");
}

#[tokio::test]
async fn a_load_by_file_that_was_killed_goes_on_beside_the_published_rows() {
    let model = "{{ config(source='data/*.csv', incremental='file') }}\nid int, name text";
    let project = slow_project(model).await;
    project.good(&["run"]);
    project.write("data/a2.csv", "id,name\n6,f\n");
    project.write("data/b.csv", "id,name\n3,changed\n");
    project.write("data/c2.csv", "id,name\n7,g\n");
    kill_at_b(&project).await;
    assert_eq!(project.value("select count(*)::text from raw.r").await, "5", "nothing of it is seen");
    change_unseen(&project, "data/a2.csv", "id,name\n9,x\n");
    // Runs of other nodes leave it where it is.
    project.good(&["run", "--select", "other"]);
    project.good(&["run"]).says("went on where the load of run 3 ended: 1 of 3 files were there");
    let rows = "select string_agg(id || name, ' ' order by id) from raw.r";
    assert_eq!(project.value(rows).await, "1a 2b 3changed 5e 6f 7g");
    project.good(&["run"]);
    assert_eq!(project.value(rows).await, "1a 2b 3changed 5e 6f 7g");
    assert_eq!(project.value(SCHEMAS).await, "");
}

#[tokio::test]
async fn a_load_that_failed_goes_on_too_unless_something_is_another_thing_now() {
    let model = "{{ config(source='data/*.csv', bad_rows='quarantine', max_bad_rows=1) }}\nid int, name text";
    let project = Project::new(&[
        ("models/raw/r.sql", model),
        ("data/a.csv", "id,name\n1,a\nx,b\n"),
        ("data/b.csv", "id,nam\n3,c\n"),
    ])
    .await;
    project.elt(&["run"]).expect(1).says("`nam`");
    assert_eq!(project.value(SCHEMAS).await, "elt_run_1");
    project.elt(&["run"]).expect(1).says("`nam`");
    assert_eq!(project.value(SCHEMAS).await, "elt_run_2");
    project.write("data/b.csv", "id,name\n3,c\n");
    let ended = project.good(&["run"]);
    let ended = ended.says("went on where the load of run 2 ended: 1 of 2 files were there");
    // Bad rows that came before are told with the others.
    ended.says("1 bad row was put aside").says("where run_id = 3");
    assert_eq!(
        project.value("select string_agg(run_id || file, ' ') from elt.bad_rows").await,
        "3data/a.csv"
    );
    assert_eq!(project.value("select string_agg(id || name, ' ' order by id) from raw.r").await, "1a 3c");

    let fail = || {
        project.write("data/b.csv", "id,nam\n3,c\n");
        project.elt(&["run", "--full-refresh"]).expect(1);
        project.write("data/b.csv", "id,name\n3,c\n");
    };
    fail();
    project.write("data/a.csv", "id,name\n2,b\n");
    project.good(&["run"]).says(
        "raw.r: the load of run 4 did not come to its end and is begun again: data/a.csv is not what it was",
    );
    assert_eq!(project.value("select string_agg(id || name, ' ' order by id) from raw.r").await, "2b 3c");
    fail();
    project.remove("data/a.csv");
    project.write("data/c.csv", "id,name\n4,d\n");
    project.good(&["run"]).says("is begun again: data/a.csv is not what it was");
    assert_eq!(project.value("select string_agg(id || name, ' ' order by id) from raw.r").await, "3c 4d");
    project.write("data/a.csv", "id,name\n1,a\n");
    fail();
    project.write("models/raw/r.sql", &model.replace("id int", "id bigint"));
    project.good(&["run"]).says("is begun again: the model or what it asks for is another one now");
    fail();
    let anew = project.good(&["run", "--full-refresh"]);
    assert!(!anew.stderr.contains("the load of run"), "{anew}");
    fail();
    project.good(&["retry"]).says("1 of 3 files were there");
    assert_eq!(project.value("select string_agg(id || name, ' ' order by id) from raw.r").await, "1a 3c 4d");
    fail();
    project.good(&["prune", "--yes"]);
    assert_eq!(project.value(SCHEMAS).await, "");
    fail();
    project.write("data/c.csv", "id,name\n5,e\n");
    let left = project.value(SCHEMAS).await;
    project.database.run(&format!("drop schema {left} cascade")).await;
    project.good(&["run"]).says("is begun again: what it left is not there any more");
    assert_eq!(project.value(SCHEMAS).await, "");
    assert_eq!(project.value(LEFT).await, "0 0");
}

/// A way to the tests' PostgreSQL that counts what comes and stops after so many bytes.
struct Narrow {
    port: u16,
    came: Arc<AtomicUsize>,
    limit: Arc<AtomicUsize>,
    /// Whether it closes there, or says nothing more.
    closes: Arc<AtomicBool>,
}

impl Narrow {
    async fn to(socket: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let narrow = Self {
            port: listener.local_addr().expect("it is bound").port(),
            came: Arc::default(),
            limit: Arc::new(AtomicUsize::new(usize::MAX)),
            closes: Arc::default(),
        };
        let (came, limit, closes) = (narrow.came.clone(), narrow.limit.clone(), narrow.closes.clone());
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let far = UnixStream::connect(&socket).await.expect("PostgreSQL is there");
                let (came, limit, closes) = (came.clone(), limit.clone(), closes.clone());
                tokio::spawn(async move {
                    let ((mut from_near, mut to_near), (mut from_far, mut to_far)) =
                        (near.into_split(), far.into_split());
                    let asking = tokio::spawn(async move {
                        let _ = tokio::io::copy(&mut from_near, &mut to_far).await;
                    });
                    let mut part = vec![0; 65536];
                    while let Ok(length @ 1..) = from_far.read(&mut part).await {
                        if came.fetch_add(length, Ordering::SeqCst) > limit.load(Ordering::SeqCst) {
                            if closes.load(Ordering::SeqCst) {
                                break;
                            }
                            std::future::pending::<()>().await;
                        }
                        if to_near.write_all(&part[..length]).await.is_err() {
                            break;
                        }
                    }
                    asking.abort();
                });
            }
        });
        narrow
    }

    fn stop_after(&self, bytes: usize) {
        self.came.store(0, Ordering::SeqCst);
        self.limit.store(bytes, Ordering::SeqCst);
    }
}

const MIB: usize = 1024 * 1024;

/// Rows of half a MiB each, and every cursor three times.
async fn shop() -> (Project, Narrow) {
    let model = "{{ config(source=env_var('SHOP'), table='shop', metadata=['_row'], \
                 incremental={'cursor': 'at'}, unique_key='id') }}";
    let project = Project::new(&[("models/raw/r.sql", model)]).await;
    let url = project.database.url.clone();
    let (user, rest) = url.trim_start_matches("postgres://").split_once('@').expect("it has a user");
    let (socket, rest) = rest.split_once(':').expect("it has a port");
    let (port, name) = rest.split_once('/').expect("it has a name");
    let narrow = Narrow::to(format!("{}/.s.PGSQL.{port}", socket.replace("%2F", "/"))).await;
    let away = format!("postgres://{user}@127.0.0.1:{}/{name}", narrow.port);
    project
        .database
        .run(
            "create table public.shop as select n as id, timestamptz '2024-01-01Z' + (n / 3) * interval '1 microsecond' as at, \
             repeat(md5(n::text), 16384) as text from generate_series(1, 160) as t(n)",
        )
        .await;
    (project.env("SHOP", &away), narrow)
}

const WHOLE: &str =
    "select count(*) || ' ' || count(distinct id) || ' ' || min(_row) || ' ' || max(_row) from raw.r";

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_another_database_go_on_from_the_greatest_cursor_that_came() {
    let (project, narrow) = shop().await;
    narrow.stop_after(40 * MIB);
    let mut run = project.start(&["run"]);
    project.wait_for("select (to_regclass('elt_run_1.r') is not null)::text", "true").await;
    project.wait_for("select (count(*) > 50)::text from elt_run_1.r", "true").await;
    run.kill().expect("SIGKILL can be sent");
    run.wait().expect("it ends");

    // The other server is gone on the way: the load fails, and leaves more than it found.
    narrow.stop_after(24 * MIB);
    narrow.closes.store(true, Ordering::SeqCst);
    project.elt(&["run"]).expect(1).says("error[source]");
    narrow.stop_after(usize::MAX);
    let ended = project.good(&["run"]);
    let ended =
        ended.says("raw.r: went on where the load of run 2 ended: from \"at\" = 2024-01-01T00:00:00.0000");
    let asked = narrow.came.load(Ordering::SeqCst);
    assert!(asked < 40 * MIB, "{asked} bytes were asked for: {ended}");
    assert_eq!(project.value(WHOLE).await, "160 160 1 160");
    assert_eq!(
        project.value("select bool_and(text = repeat(md5(id::text), 16384))::text from raw.r").await,
        "true"
    );
    assert_eq!(project.value(LEFT).await, "0 0");
    assert_eq!(project.value(SCHEMAS).await, "");

    // Also where rows are added to published ones, and what has no cursor comes last.
    project
        .database
        .run(
            "insert into public.shop select n, timestamptz '2024-02-01Z' + n * interval '1 s', repeat(md5(n::text), 16384) \
             from generate_series(151, 250) as t(n)",
        )
        .await;
    narrow.stop_after(40 * MIB);
    project.elt(&["run"]).expect(1);
    narrow.stop_after(usize::MAX);
    project.good(&["run"]).says("went on where the load of run 4 ended");
    assert!(narrow.came.load(Ordering::SeqCst) < 25 * MIB);
    assert_eq!(project.value("select count(*) || ' ' || count(distinct id) from raw.r").await, "250 250");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_without_a_cursor_begin_again_and_that_is_said() {
    let (project, narrow) = shop().await;
    project.write("models/raw/r.sql", "{{ config(source=env_var('SHOP'), table='shop') }}");
    narrow.closes.store(true, Ordering::SeqCst);
    narrow.stop_after(10 * MIB);
    project.elt(&["run"]).expect(1);
    assert_eq!(project.value(SCHEMAS).await, "");
    narrow.stop_after(usize::MAX);
    project.good(&["run"]).says(
        "raw.r: the load of run 1 did not come to its end and is begun again: \
         rows without a cursor have no order to go on in",
    );
    assert_eq!(project.value("select count(*)::text from raw.r").await, "160");
}
