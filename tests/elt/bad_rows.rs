//! Rows that a table cannot take, columns that changed, and types that are taken from the file.

use crate::support::Project;

const MODEL: &str = "models/raw/r.sql";

fn model(config: &str, body: &str) -> String {
    format!("{{{{ config(source='a.csv', {config}) }}}}\n{body}\n")
}

async fn rows(project: &Project) -> String {
    project.value("select string_agg(r::text, ' ' order by r::text) from raw.r").await
}

#[tokio::test]
async fn bad_rows_go_aside_with_their_reasons_and_the_others_load() {
    let body = "id int not null, amount numeric(6,2), day date, code varchar(3), kind elt_kind, positive int check (positive > 0)";
    let project =
        Project::new(&[(MODEL, &model("bad_rows='quarantine'", &body.replace("elt_kind", "text")))]).await;
    project.write(
        "a.csv",
        "id,amount,day,code,kind,positive\n\
         1,1.50,2020-01-31,abc,x,1\n\
         two,1,2020-01-31,abc,x,1\n\
         3,10000,2020-01-31,abc,x,1\n\
         4,1e2,31 Jan 2020,ab,x,1\n\
         5,1,2020-02-30,abc,x,1\n\
         6,1,2020-01-31,\"a\nb\nc\",x,1\n\
         ,1,2020-01-31,abc,x,1\n\
         8,1,2020-01-31,abc,x,-1\n\
         9,1,2020-01-31\n\
         10,9999.99,,,,\n",
    );
    let ended = project.good(&["run"]);
    assert!(ended.stderr.contains("raw.r: 7 bad rows were put aside"), "{ended}");
    assert_eq!(
        rows(&project).await,
        "(1,1.50,2020-01-31,abc,x,1) (10,9999.99,,,,) (4,100.00,2020-01-31,ab,x,1)"
    );
    let told = "select string_agg(concat_ws(' | ', line, column_name, value, reason), E'\\n' order by line) from elt.bad_rows";
    insta::assert_snapshot!(project.value(told).await, @r#"
    3 | id | two | invalid input syntax for type integer: "two"
    4 | amount | 10000 | numeric field overflow
    6 | day | 2020-02-30 | date/time field value out of range: "2020-02-30"
    7 | code | a
    b
    c | value too long for type character varying(3)
    10 | id | null value in column "id" of relation "r" violates not-null constraint
    11 | new row for relation "r" violates check constraint "r_positive_check"
    12 | it has 3 fields, and there are 6 columns
    "#);
    assert_eq!(
        project.value("select raw from elt.bad_rows where line = 7").await,
        "6,1,2020-01-31,\"a\nb\nc\",x,1"
    );
    assert_eq!(project.value("select row_count || '' from elt.loads").await, "3");

    for (limit, status) in [("max_bad_rows=6", 1), ("max_bad_rows='70%'", 0), ("max_bad_rows='69%'", 1)] {
        project.write(
            MODEL,
            &model(&format!("bad_rows='quarantine', {limit}"), &body.replace("elt_kind", "text")),
        );
        let ended = project.elt(&["run", "--full-refresh"]).expect(status);
        assert_eq!(ended.stderr.contains("rows are bad, and max_bad_rows is"), status == 1, "{ended}");
    }
    project.write(MODEL, &model("max_bad_rows=1", "id int"));
    project.elt(&["run"]).expect(2).says("has max_bad_rows, but no bad row is borne at all");
    project.write(MODEL, &model("max_bad_rows='many'", "id int"));
    project.elt(&["run"]).expect(2).says("`many` is neither a number of rows nor a share");
}

#[tokio::test]
async fn many_rows_of_a_table_with_a_key_are_judged_and_keep_their_numbers() {
    let body = "id int primary key, code varchar(4), flags bit(3)";
    let project = Project::new(&[(MODEL, &model("bad_rows='quarantine', metadata=['_row']", body))]).await;
    let mut text = "id,code,flags\n".to_owned();
    for id in 1..=5000 {
        match id {
            7 | 2048 | 5000 => text.push_str("1,dup,101\n"),
            1500..1503 => text.push_str(&format!("{id},too long,101\n")),
            3000 => text.push_str("3000,abc,10\n"),
            4000 => text.push_str("4000,abc\n"),
            _ => text.push_str(&format!("{id},abc,101\n")),
        }
    }
    project.write("a.csv", &text);
    project.good(&["run"]).says("8 bad rows were put aside");
    let good =
        "select count(*) || ' ' || count(*) filter (where id = _row) || ' ' || max(flags::text) from raw.r";
    assert_eq!(project.value(good).await, "4992 4992 101");
    let bad =
        "select string_agg(concat_ws(' ', line, column_name, value), ', ' order by line) from elt.bad_rows";
    assert_eq!(
        project.value(bad).await,
        "8, 1501 code too long, 1502 code too long, 1503 code too long, 2049, 3001 flags 10, 4001, 5001"
    );
    project.write(MODEL, &model("bad_rows='quarantine'", "id int primary key").replace("a.csv", "a.jsonl"));
    project.write("a.jsonl", "{\"id\": 1}\n{\"id\": 2\n{\"id\": 1}\n{\"id\": 4}\n");
    project.good(&["run"]).says("2 bad rows were put aside");
    let told = "select string_agg(concat_ws(' | ', line, reason), E'\\n' order by line) from elt.bad_rows where run_id = (select max(run_id) from elt.bad_rows)";
    insta::assert_snapshot!(project.value(told).await, @r#"
    2 | it is no JSON: EOF while parsing an object at column 8
    3 | duplicate key value violates unique constraint "r_pkey"
    "#);
}

#[tokio::test]
async fn columns_that_changed_are_met_by_policy() {
    let project = Project::new(&[(MODEL, &model("metadata=['_file']", "id int, name text"))]).await;
    project.write("a.csv", "ID,Extra\n1,x\n");
    let ended = project.elt(&["run"]).expect(1);
    ended.says("the file has `Extra` that the table lacks; the table has `name` that the file lacks");
    project.write(MODEL, &model("on_columns_change='add'", "id int, name text"));
    project
        .good(&["run"])
        .says("columns that only a.csv has were added as text: Extra")
        .says("are NULL: name");
    assert_eq!(rows(&project).await, "(1,,x)");
    project.write(MODEL, &model("on_columns_change='ignore'", "id int, name text"));
    project.good(&["run"]).says("were passed over: Extra");
    assert_eq!(rows(&project).await, "(1,)");
}

#[tokio::test]
async fn types_are_inferred_from_the_whole_file_pinned_and_then_hold() {
    let project = Project::new(&[(MODEL, &model("infer=true", ""))]).await;
    project.write(
        "models/raw/r.yml",
        "models:\n  - name: r\n    description: rows\n    columns:\n      - name: id\n        tests: [unique]\n",
    );
    project.write(
        "a.csv",
        "id,zip,money,day,at,ok,none,big\n1,01234,1.50,2020-01-31,2020-01-31 10:00:00,true,,3000000000\n2,9,2,2020-02-01,2020-02-01,no,,1\n",
    );
    project.good(&["run"]).says("pinned in models/raw/r.columns.yml");
    let types = "select string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' order by attnum) \
                 from pg_attribute where attrelid = 'raw.r'::regclass and attnum > 0";
    let inferred = "id integer, zip text, money numeric, day date, at timestamp without time zone, ok boolean, none text, big bigint";
    assert_eq!(project.value(types).await, inferred);
    assert_eq!(project.value("select sum(money)::text from raw.r").await, "3.50");

    // The pinned types hold: what fits them loads, what does not is told.
    project.write("a.csv", "id,zip,money,day,at,ok,none,big\n3,5,5,2020-01-31,2020-01-31,yes,6,7\n");
    let ended = project.good(&["run"]);
    assert!(!ended.stderr.contains("inferred"), "{ended}");
    assert_eq!(project.value(types).await, inferred);
    project.write("a.csv", "id,zip,money,day,at,ok,none,big\nA3,5,5,2020-01-31,2020-01-31,yes,6,7\n");
    let ended = project.elt(&["run"]).expect(1);
    ended.says("column id: invalid input syntax").says("models/raw/r.columns.yml");
    project.remove("models/raw/r.columns.yml");
    project.good(&["run"]).says("inferred id text");
}

#[tokio::test]
async fn a_bad_value_is_named_even_where_postgresql_does_not_and_the_history_does_not_have_it() {
    let project =
        Project::new(&[("models/raw/r.sql", &model("allow_empty=true", "code varchar(3), info jsonb"))])
            .await;
    project.write("a.csv", "code,info\nabcdef,\n");
    project
        .elt(&["run"])
        .expect(1)
        .says("line 2, column code: value too long for type character varying(3): \"abcdef\"");
    project.write("a.csv", "code,info\nabc,\"{\"\"a\"\": hunter2}\"\n");
    project.elt(&["run"]).expect(1).says("invalid input syntax for type json").says("hunter2");
    project.write("models/raw/r.sql", &model("allow_empty=true", "code text primary key, info text"));
    project.write("a.csv", "code,info\nhunter2,\nhunter2,\n");
    project.elt(&["run"]).expect(1).says("duplicate key value").says("Key (code)=(hunter2) already exists");
    let kept = "select string_agg(message, ' ') from elt.run_nodes";
    assert!(!project.value(kept).await.contains("hunter2") && !project.value(kept).await.contains("abcdef"));
}
