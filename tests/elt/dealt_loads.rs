//! A large file is dealt to the sessions that no task needs: every row comes once, whoever copies it, and a bad one is
//! named as ever.

use std::fmt::Write;

use crate::support::Project;

const ROWS: usize = 9_500;

/// Some 19 MB of lines that each have their own number; `bad` has another start.
fn lines(bad: Option<(usize, &str)>) -> String {
    let mut text = String::from("id,name\n");
    for line in 2..ROWS + 2 {
        let id = match bad {
            Some((at, id)) if at == line => id.to_owned(),
            _ => line.to_string(),
        };
        let _ = writeln!(text, "{id},{:02000}", line);
    }
    text
}

/// How many transactions wrote the rows, which are all there once.
async fn writers(project: &Project) -> String {
    let whole = "select concat_ws(' ', count(*), count(distinct id), sum(id::bigint) = sum(name::numeric), \
                 bool_and(_row + 1 = id::bigint), count(distinct _loaded_at)) from raw.r";
    assert_eq!(project.value(whole).await, format!("{ROWS} {ROWS} t t 1"));
    project.value("select count(distinct xmin::text)::text from raw.r").await
}

#[tokio::test]
async fn a_large_file_is_dealt_to_idle_sessions_and_every_row_comes_once() {
    let config = "{{ config(source='r.csv', metadata=['_row', '_loaded_at']) }}\n";
    let typed = &(config.to_owned() + "id int primary key, name text");
    let project = Project::new(&[("models/raw/r.sql", typed), ("r.csv", &lines(None))]).await;
    project.good(&["run", "--threads", "1"]);
    assert_eq!(writers(&project).await, "1");
    project.good(&["run", "--threads", "4", "--full-refresh"]);
    assert_eq!(writers(&project).await, "2", "two sessions for two times 8 MiB");

    // A value that only PostgreSQL can read makes text of the rest, which is dealt, too.
    project.write("r.csv", &lines(Some((5_000, "\" 5000\""))));
    project.good(&["run", "--threads", "4"]);
    assert_eq!(writers(&project).await, "4", "two sessions, first binary, then text");

    // Without a body all is text.
    project.write("models/raw/r.sql", config);
    project.write("r.csv", &lines(None));
    project.good(&["run", "--threads", "4"]);
    assert_eq!(writers(&project).await, "2");
}

#[tokio::test]
async fn a_bad_row_of_a_large_file_is_named_and_nothing_of_it_stays() {
    let model =
        "{{ config(source='r.csv', metadata=['_row', '_loaded_at']) }}\nid int primary key, name text";
    let project = Project::new(&[("models/raw/r.sql", model), ("r.csv", &lines(None))]).await;
    project.good(&["run"]);
    project.write("r.csv", &lines(Some((9_000, "x"))));
    project
        .elt(&["run"])
        .expect(1)
        .says("r.csv, line 9000, column id: invalid input syntax for type integer: \"x\"");
    // Sessions that insert the same keys may even wait for each other.
    project.write("r.csv", &lines(Some((9_001, "2"))));
    project
        .elt(&["run"])
        .expect(1)
        .says("r.csv, line 9001: duplicate key value violates unique constraint")
        .says("Key (id)=(2) already exists");
    assert_eq!(writers(&project).await, "2", "the published table is as it was");
    project.write("r.csv", &lines(None).replace(",0000", ",000"));
    project.good(&["run"]);
    assert_eq!(writers(&project).await, "2");
}

#[tokio::test]
async fn where_the_last_row_of_a_key_counts_the_order_is_the_files() {
    let model =
        "{{ config(source='r.csv', incremental={'cursor': 'id'}, unique_key='id') }}\nid int, name text";
    let again: String = (2..ROWS + 2).map(|line| format!("{line},last\n")).collect();
    let project = Project::new(&[("models/raw/r.sql", model), ("r.csv", &(lines(None) + &again))]).await;
    project.good(&["run", "--threads", "4"]);
    let whole = "select concat_ws(' ', count(*), count(*) filter (where name = 'last'), count(distinct xmin::text)) from raw.r";
    assert_eq!(project.value(whole).await, format!("{ROWS} {ROWS} 1"));
}

#[tokio::test]
async fn many_files_are_copied_by_idle_sessions_at_once() {
    let model = |columns: &str| {
        "{{ config(source='data/*.csv', metadata=['_file', '_row', '_loaded_at'], on_columns_change='ignore') }}\n"
            .to_owned()
            + columns
    };
    let by_backend = "id int, name text, backend int default pg_backend_pid()";
    let project = Project::new(&[("models/raw/r.sql", &model(by_backend))]).await;
    for file in 0..40 {
        project.write(&format!("data/f\t'{file}.csv"), &format!("id,name\n{file},a\n{file},b\n"));
    }
    let whole = "select concat_ws(' ', count(*), count(distinct id), bool_and(_file = format(E'data/f\\t''%s.csv', id)), \
                 bool_and(_row = ascii(name) - 96), count(distinct _loaded_at)) from raw.r";
    let backends = "select count(distinct backend)::text from raw.r";
    project.good(&["run", "--threads", "4"]);
    assert_eq!(project.value(whole).await, "80 40 t t 1");
    assert_eq!(project.value(backends).await, "4");
    project.good(&["run", "--threads", "1", "--full-refresh"]);
    assert_eq!(project.value(whole).await, "80 40 t t 1");
    assert_eq!(project.value(backends).await, "1");

    // Sessions whose rows are in each other's way would wait for each other.
    project.write("models/raw/r.sql", &model(&(by_backend.to_owned() + ", unique (id, name)")));
    project.good(&["run", "--threads", "4"]);
    assert_eq!(project.value(backends).await, "1");

    // One of the first bad files is named, not one that lies far behind.
    project.write("models/raw/r.sql", &model(by_backend));
    for file in [11, 12, 13, 38] {
        project.write(&format!("data/f\t'{file}.csv"), "id,name\nx,a\n");
    }
    let failed = project.elt(&["run", "--threads", "4"]).expect(1);
    failed.says("'1").says(".csv, line 2, column id: invalid input syntax for type integer: \"x\"");
}
