//! The whole voucher pipeline, load to publish, against one psql script of the same SQL and the same tests.

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use elt::generate::{self, FileFormat};
use support::{
    Database, Line, Server, asked_for, elt, folder, made_once, print, project, psql, script, spent,
};

const ROWS: u64 = 285_570;
const ROUNDS: usize = 7;

fn main() {
    let server = Server::open();
    let Some(psql) = psql() else { return };
    let mut lines = Vec::new();
    if asked_for("generated") {
        let file = made_once(folder("rows").join(format!("vouchers_{ROWS}.parquet")), sample);
        lines.extend(measured(&server, &psql, "generated", &file));
    }
    let real = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/voucher_history_2018.parquet");
    if !real.exists() {
        println!("LEFT OUT: the real file is not beside the repository");
    } else if asked_for("real") {
        lines.extend(measured(&server, &psql, "real", &fs::canonicalize(real).expect("it exists")));
    }
    print("The voucher pipeline on 285,570 rows, against one psql script", &lines);
}

fn sample(path: &Path) {
    let generator = generate::find("vouchers").expect("it is shipped");
    let sample = generator.sample(&format!("rows={ROWS}&seed=7")).expect("good options");
    let mut file = fs::File::create(path).expect("the folder can be written");
    sample.write(FileFormat::Parquet, &mut file, &mut |_| ()).expect("the disk has room");
}

/// The first run, on an empty database, and runs over what an earlier one published.
fn measured(server: &Server, psql: &Path, name: &str, file: &Path) -> [Line; 2] {
    let root = shipped(name);
    let shown = file.to_str().expect("the file's name is text");
    let manifest = script::manifest(&root, &[("voucher_history", shown)]);
    let vars = format!("{{voucher_history: '{shown}'}}");
    let run = |database: &Database| {
        let arguments = ["--quiet", "--vars", &vars, "run", "--full-refresh"];
        spent::run(&mut elt(&root, Some(database), &arguments), Some(server))
    };
    let twin = folder("rows").join(format!("twin_{name}.csv"));
    let written = folder("rows").join(format!("pipeline_{name}.sql"));
    let sql = format!(
        "begin;\n{}{}{}commit;\n",
        script::schemas(&manifest),
        script::models(&manifest, Some(&twin)),
        script::tests(&manifest)
    );
    fs::write(&written, sql).expect("the folder can be written");
    let written = written.to_str().expect("the file's name is text");

    let mut first = Line::new(format!("{name} file, first run"), Some(1.3));
    let mut again = Line::new(format!("{name} file, again"), Some(1.3));
    for round in 0..ROUNDS {
        let ours = server.database("bench_pipeline");
        let floor = server.database("bench_pipeline_floor");
        server.settle();
        first.ours.push(run(&ours));
        if round == 0 {
            let columns =
                "timestamp, country_code, last_order_ts, first_order_ts, total_orders, voucher_amount";
            let copy = format!(
                "\\copy (select {columns} from raw.voucher_history) to '{}' with (format csv, header true)",
                twin.display()
            );
            spent::run(&mut server.psql(psql, &ours, &["-c", &copy]), None);
        }
        let scripted = || spent::run(&mut server.psql(psql, &floor, &["-f", written]), Some(server));
        server.settle();
        first.floor.push(scripted());
        server.settle();
        again.ours.push(run(&ours));
        server.settle();
        again.floor.push(scripted());
        let segments = "select string_agg(s::text, '|' order by s::text) from prod.segments_derived s";
        assert_eq!(server.value(&ours, segments), server.value(&floor, segments), "both came to the same");
        server.drop(&ours);
        server.drop(&floor);
    }
    [first, again]
}

/// A copy of the project in this repository, without its other domain.
fn shipped(name: &str) -> PathBuf {
    let root = project(&format!("pipeline_{name}"));
    for part in ["models", "rules", "macros", "tests/sql", "profiles.yml"] {
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join(part), &root.join(part));
    }
    for layer in ["raw", "stage", "prod"] {
        fs::remove_dir_all(root.join("models").join(layer).join("customer_360")).expect("it was copied");
    }
    root
}

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir_all(to).expect("folders can be made");
        for entry in fs::read_dir(from).expect("the folder is there").flatten() {
            copy(&entry.path(), &to.join(entry.file_name()));
        }
    } else {
        fs::copy(from, to).expect("the file is there");
    }
}
