//! 1,000 trivial models on four threads, against the same SQL in one psql transaction: first run, again over
//! what is published, and again with nothing changed, which has no floor but its own bar.

mod support;

use std::fs;
use std::path::Path;

use support::models::{Kind, generate};
use support::{Line, Server, asked_for, elt, folder, print, psql, script, spent};

const MODELS: usize = 1_000;
const ROUNDS: usize = 5;

fn main() {
    let server = Server::open();
    let Some(psql) = psql() else { return };
    let mut lines = Vec::new();
    for (name, kind) in [("views", Kind::Views), ("tables", Kind::MostlyTables)] {
        if asked_for(name) {
            lines.extend(measured(&server, &psql, name, kind));
        }
    }
    print(
        "1,000 trivial models, 4 threads, against one psql transaction (tables: 900, and 100 views)",
        &lines,
    );
}

fn measured(server: &Server, psql: &Path, name: &str, kind: Kind) -> [Line; 3] {
    let root = generate(&format!("many_{name}"), MODELS, kind, false);
    let manifest = script::manifest(&root, &[]);
    let written = folder("rows").join(format!("many_{name}.sql"));
    let sql = format!("begin;\n{}{}commit;\n", script::schemas(&manifest), script::models(&manifest, None));
    fs::write(&written, sql).expect("the folder can be written");
    let written = written.to_str().expect("the file's name is text");
    let mut first = Line::new(format!("{MODELS} {name}, first run"), Some(2.5));
    let mut again = Line::new(format!("{MODELS} {name}, again, --full-refresh"), Some(2.5));
    let mut unchanged = Line::new(format!("{MODELS} {name}, again, nothing changed"), Some(0.1));
    for _ in 0..ROUNDS {
        let ours = server.database("bench_many");
        let floor = server.database("bench_many_floor");
        let run = |arguments: &[&str]| {
            let arguments = [&["--quiet", "run"], arguments].concat();
            spent::run(&mut elt(&root, Some(&ours), &arguments), Some(server))
        };
        let scripted = || spent::run(&mut server.psql(psql, &floor, &["-f", written]), Some(server));
        for (line, arguments) in [(&mut first, &[][..]), (&mut again, &["--full-refresh"])] {
            server.settle();
            line.ours.push(run(arguments));
            server.settle();
            line.floor.push(scripted());
        }
        server.settle();
        unchanged.ours.push(run(&[]));
        let relations = "select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace \
                         where n.nspname in ('stage', 'prod') and c.relname like 'model_%'";
        assert_eq!(server.value(&ours, relations), server.value(&floor, relations), "both made the same");
        server.drop(&ours);
        server.drop(&floor);
    }
    [first, again, unchanged]
}
