//! Where rows come from: many files at once.

use crate::support::Project;

const MODEL: &str = "{{ config(source='data/*.csv', metadata=['_file', '_row', '_source', '_loaded_at', '_run_id']) }}\nid int,\nname text\n";

#[tokio::test]
async fn many_files_make_one_table_and_each_row_says_where_it_stood() {
    let project = Project::new(&[
        ("models/raw/people.sql", MODEL),
        ("data/b.csv", "name,id\nCy,3\n"),
        ("data/a.csv", "id,name\n1,Ann\n2,Bo\n"),
        ("data/none.csv", "id,name\n"),
        ("data/.hidden.csv", "nonsense\n"),
        ("data/deeper/d.csv", "nonsense\n"),
    ])
    .await;
    project.good(&["run"]);
    let rows = "select string_agg(concat_ws('|', id, name, _file, _row, _source, _run_id), ' ' order by id) from raw.people";
    assert_eq!(
        project.value(rows).await,
        "1|Ann|data/a.csv|1|data/*.csv|1 2|Bo|data/a.csv|2|data/*.csv|1 3|Cy|data/b.csv|1|data/*.csv|1"
    );
    let recorded = "select concat_ws('|', location, row_count, bytes, length(sha256)) from elt.loads";
    assert_eq!(project.value(recorded).await, "data/*.csv|3|40|64");
    let left = "select count(*)::text from pg_class where relkind = 'S' and relname like 'elt %'";
    assert_eq!(project.value(left).await, "0");

    project.write("data/c.csv", "id,nom\n4,Di\n");
    let ended = project.elt(&["run"]).expect(1);
    ended.says("data/c.csv does not fit its table: the file has `nom` that the table lacks");
    project.write("data/c.csv", "id,name\nfour,Di\n");
    project.elt(&["run"]).expect(1).says("data/c.csv, line 2, column id: invalid input syntax");
    assert_eq!(project.value("select count(*)::text from raw.people").await, "3");
}

/// All pages of a frozen table are marked as visible to everybody without a vacuum.
#[tokio::test]
async fn rows_of_one_file_are_written_for_good() {
    let columns = "id int, day date\n";
    let model =
        |more: &str| format!("{{{{ config(source='days.csv', metadata=['_row']{more}) }}}}\n{columns}");
    let project = Project::new(&[
        ("models/raw/days.sql", &model("")),
        ("models/raw/hooked.sql", &model(", pre_hook=\"select 1\"")),
        ("models/raw/judged.sql", &model(", bad_rows='quarantine'")),
        // From the second row on only PostgreSQL can read them: that is another COPY.
        ("days.csv", "id,day\n1,2026-01-05\n2,Jan 6 2026\n3,2026-01-07\n"),
    ])
    .await;
    project.good(&["run"]);
    let rows = "select string_agg(concat_ws('|', id, day, _row), ' ' order by id) from raw.";
    for table in ["days", "hooked", "judged"] {
        let rows = project.value(&format!("{rows}{table}")).await;
        assert_eq!(rows, "1|2026-01-05|1 2|2026-01-06|2 3|2026-01-07|3", "{table}");
    }
    let visible = "select string_agg(relname || ' ' || relallvisible, ' ' order by relname) from pg_class \
                   where relnamespace = 'raw'::regnamespace and relkind = 'r'";
    assert_eq!(project.value(visible).await, "days 1 hooked 0 judged 0");

    project.write("days.csv", "id,day\n1,2026-01-05\n2,2026-02-30\n");
    let ended = project.elt(&["run", "--select", "days"]).expect(1);
    ended.says("days.csv, line 3, column day: date/time field value out of range");
    assert_eq!(project.value("select count(*) from raw.days").await, "3");
}

#[tokio::test]
async fn a_pattern_that_matches_nothing_is_an_error() {
    let project = Project::new(&[
        ("models/raw/people.sql", "{{ config(source='data/*.tsv') }}"),
        ("data/a.csv", "id\n"),
    ])
    .await;
    let ended = project.elt(&["run"]).expect(1);
    ended.says("no file matches data/*.tsv").says("data holds 1 entry");
    project.write("models/raw/people.sql", "{{ config(source='data/*.csv') }}");
    project.write("data/b.csv", "id\n");
    project.elt(&["run"]).expect(1).says("data/*.csv: all 2 files are without rows");
    project.write("models/raw/people.sql", "{{ config(source='data/[a.csv') }}");
    project.elt(&["run"]).expect(1).says("the pattern `data/[a.csv` cannot be read");
}

#[tokio::test]
async fn private_addresses_are_refused_where_the_profile_says_so() {
    let project = Project::new(&[
        ("profiles.yml", "fetch: {refuse_private_addresses: true, retries: 0}\n"),
        ("models/raw/r.sql", "{{ config(source=var('from')) }}"),
    ])
    .await;
    for address in [
        "http://127.0.0.1:9/a.csv",
        "http://localhost:9/a.csv",
        "http://[::ffff:7f00:1]:9/a.csv",
        "http://169.254.169.254/latest/",
    ] {
        let ended = project.elt(&["run", "--vars", &format!("{{from: '{address}'}}")]).expect(1);
        ended.says("private address").says("which the profile refuses");
    }
}

#[tokio::test]
async fn a_login_comes_from_the_environment_or_not_at_all() {
    let model = |auth: &str| format!("{{{{ config(source='http://127.0.0.1:1/a.csv', auth={auth}) }}}}");
    let project = Project::new(&[
        ("profiles.yml", "fetch: {retries: 0}\n"),
        ("models/raw/r.sql", &model("{'bearer': 'tok-en'}")),
    ])
    .await
    .env("SHOP_KEY", "s3cr3t-word");
    project.elt(&["run"]).expect(2).says("has its login written in the model");
    for source in ["http://me:passw0rd@127.0.0.1:1/a.csv", "http://t0ken@127.0.0.1:1/a.csv"] {
        project.write("models/raw/r.sql", "{{ config(source=var('from')) }}");
        let ended = project.elt(&["run", "--vars", &format!("{{from: '{source}'}}")]).expect(2);
        let ended = ended.says("has a login written in its source");
        assert!(!ended.stderr.contains("passw0rd"), "{ended}");
    }
    let project = project.env("SHOP_URL", "http://me:passw0rd@127.0.0.1:1/a.csv?sig=0123456789");
    project.write("models/raw/r.sql", "{{ config(source=env_var('SHOP_URL')) }}");
    for command in [&["run"][..], &["ls", "--output", "json"]] {
        let ended = project.elt(command);
        let text = format!("{}{}", ended.stdout, ended.stderr);
        assert!(!text.contains("passw0rd") && !text.contains("0123456789"), "{ended}");
        assert!(!text.contains("login written"), "{ended}");
    }
    project.write("models/raw/r.sql", &model("env_var('SHOP_KEY')"));
    let ended = project.elt(&["run"]).expect(2).says("config's `auth` is wrong: it is a map of `bearer`");
    assert!(!ended.stderr.contains("s3cr3t-word"), "{ended}");
    project.write("models/raw/r.sql", &model("{'bearer': env_var('SHOP_KEY')}"));
    for command in [&["run"][..], &["--json", "run"], &["compile"], &["ls", "--output", "json"]] {
        let ended = project.elt(command);
        assert!(!format!("{}{}", ended.stdout, ended.stderr).contains("s3cr3t-word"), "{ended}");
    }
}
