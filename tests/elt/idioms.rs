//! What dbt's users write in templates, one idea a model, in `tests/idioms`: `taken.txt` with what comes of it, which is
//! what dbt-core 1.11 made of the same text, but for white space; `refused.txt`, which both refuse.

use crate::support::Project;

const PROFILE: &str = "name: corpus\ntargets: {dev: {threads: 2}}\nvars:\n  a_text: text\n  a_number: 7\n  a_float: 1.5\n  a_list: [x, y]\n  \
                       a_map: {k: v, n: 2}\n  a_flag: true\n  a_null: null\n  a_date: 2020-01-31\n  a_date_text: '2020-01-31'\n";

struct Idiom {
    name: &'static str,
    macros: Option<&'static str>,
    model: &'static str,
    gives: &'static str,
}

fn idioms(text: &'static str) -> Vec<Idiom> {
    let read = |block: &'static str| {
        let (name, rest) = block.split_once('\n').expect("a name stands in a line of its own");
        let (macros, rest) =
            rest.split_once("\n--- model\n").map_or((None, rest), |(macros, rest)| (Some(macros), rest));
        let (model, gives) = rest.split_once("\n--- gives\n").unwrap_or((rest, ""));
        Idiom { name, macros, model, gives }
    };
    text.split("=== ").skip(1).map(read).collect()
}

async fn project(idioms: &[Idiom]) -> Project {
    let project = Project::new(&[
        ("profiles.yml", PROFILE),
        ("models/stage/base_a.sql", "select 1 as id"),
        ("models/stage/base_b.sql", "select 1 as id"),
    ])
    .await
    .env("CORPUS_SET", "set")
    .env("CORPUS_NUMBER", "12");
    for idiom in idioms {
        project.write(&format!("models/stage/{}.sql", idiom.name), idiom.model);
        if let Some(macros) = idiom.macros {
            project.write(&format!("macros/{}.sql", idiom.name), macros);
        }
    }
    project
}

/// The lines that say something; the note on what is asked left out.
fn plain(text: &str) -> String {
    let lines = text.lines().map(str::trim_end);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with("-- asks the database"));
    lines.collect::<Vec<_>>().join("\n").trim().to_owned()
}

#[tokio::test]
async fn what_dbts_users_write_comes_out_as_dbt_writes_it() {
    let idioms = idioms(include_str!("../idioms/taken.txt"));
    assert!(idioms.len() > 280, "only {} were read", idioms.len());
    let project = project(&idioms).await;
    project.good(&["compile", "--out", "out"]);
    let mut other = Vec::new();
    for Idiom { name, gives, .. } in &idioms {
        let path = project.root.join(format!("out/models/stage/{name}.sql"));
        let made = plain(&std::fs::read_to_string(path).expect("each model is compiled"));
        if made != plain(gives) {
            other.push(format!("{name}\n  gives {made}\n  not   {gives}"));
        }
    }
    assert!(other.is_empty(), "{} of {} are otherwise:\n{}", other.len(), idioms.len(), other.join("\n"));
}

#[tokio::test]
async fn what_dbt_refuses_is_refused_and_told_all_at_once() {
    let idioms = idioms(include_str!("../idioms/refused.txt"));
    let project = project(&idioms).await;
    let told = project.elt(&["compile", "--out", "out"]).expect(2).stderr;
    let silent: Vec<&str> = idioms
        .iter()
        .map(|idiom| idiom.name)
        .filter(|name| !told.contains(&format!("/{name}.sql:")))
        .collect();
    assert!(silent.is_empty(), "nothing is said of {silent:?}:\n{told}");
}
