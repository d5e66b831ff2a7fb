//! Start-up, and how long reading and compiling a project takes: `--version`, `elt ls`, `elt compile --out`.
//! No database.

mod support;

use std::path::Path;
use std::process::Command;

use support::models::{Kind, generate};
use support::{ELT, Line, asked_for, elt, folder, print, psql, spent};

fn main() {
    let mut lines = Vec::new();
    if asked_for("startup") {
        lines.push(startup());
    }
    for (count, bar, rounds) in [(1_000, 0.2, 7), (10_000, 2.0, 3)] {
        if asked_for(&format!("models_{count}")) {
            let root = generate(&format!("plain_{count}"), count, Kind::Views, false);
            lines.push(timed(&format!("ls, {count} models"), &root, &["ls"], bar, rounds));
            lines.push(compiled(&format!("compile, {count} models"), &root, bar, rounds));
        }
    }
    if asked_for("yaml") {
        let root = generate("yaml_1000", 1_000, Kind::Views, true);
        let what = "compile, 1000 models, a YAML file and 2 tests each";
        lines.push(compiled(what, &root, 0.2, 7));
    }
    print("Start-up and compile", &lines);
}

fn startup() -> Line {
    let mut line = Line::new("--version, against psql's", None);
    line.memory_bar = Some(15.0);
    let psql = psql();
    for _ in 0..31 {
        line.ours.push(spent::run(Command::new(ELT).arg("--version"), None));
        if let Some(psql) = &psql {
            line.floor.push(spent::run(Command::new(psql).arg("--version"), None));
        }
    }
    line
}

fn compiled(what: &str, root: &Path, bar: f64, rounds: usize) -> Line {
    let out = folder("compiled");
    let out = out.to_str().expect("the target folder's name is text");
    timed(what, root, &["compile", "--out", out], bar, rounds)
}

fn timed(what: &str, root: &Path, arguments: &[&str], bar: f64, rounds: usize) -> Line {
    let mut line = Line::new(what, Some(bar));
    line.memory_bar = Some(200.0);
    line.ours = (0..rounds).map(|_| spent::run(&mut elt(root, None, arguments), None)).collect();
    line
}
