//! Files that are no models: macros, tests with their fixtures and YAML, docs blocks, selectors, analyses.

use super::dbt::{Dbt, DbtFile};
use super::place::{ONE_DATABASE, finding, insert};
use super::report::{Finding, Kind};
use super::{Files, cut};

pub fn place(dbt: &Dbt, files: &mut Files, findings: &mut Vec<Finding>) {
    macros(dbt, files, findings);
    for file in &dbt.tests {
        test(file, files);
    }
    docs(dbt, files);
    if let Some(selectors) = &dbt.selectors {
        insert(files, "selectors.yml".into(), selectors, "selectors.yml");
        if selectors.contains("path") || selectors.contains("fqn") {
            let (what, why) = ("paths and folders", "models lie by layer now: see below where each one is");
            findings.push(finding(Kind::Changed, "selectors.yml", 0, what, why));
        }
    }
    for file in dbt.analyses.iter().filter(|file| file.ends_with(".sql")) {
        let path = format!("analyses/{}", file.inside);
        insert(files, path, &file.text, &file.path);
    }
}

fn macros(dbt: &Dbt, files: &mut Files, findings: &mut Vec<Finding>) {
    for file in &dbt.macros {
        if file.is_yaml() {
            let why = "elt reads no YAML beside macros";
            findings.push(finding(Kind::NotTaken, &file.path, 0, "descriptions of macros", why));
        } else if file.ends_with(".sql") {
            let mut text = file.text.clone();
            if let Some(at) = text.find("macro generate_database_name") {
                let line = text[..at].matches('\n').count() + 1;
                if let Some((rest, head)) = cut::block(&text, at) {
                    text = rest;
                    findings.push(finding(Kind::NotTaken, &file.path, line, head, ONE_DATABASE));
                }
            }
            insert(files, format!("macros/{}", file.inside), &text, &file.path);
        }
    }
}

/// Generic tests go to the macros; fixtures, singular tests and YAML stay among the tests.
fn test(file: &DbtFile, files: &mut Files) {
    let is_generic = file.ends_with(".sql")
        && ["test", "data_test"].iter().any(|word| !cut::tags(&file.text, word).is_empty());
    let folder = if is_generic { "macros" } else { "tests" };
    // dbt takes rows from any folder of that name; other CSV in `tests/` is nobody's.
    let is_fixture = file.folders().contains(&"fixtures");
    let path = match file.inside.split_once("fixtures/") {
        Some((above, below)) if is_fixture => format!("tests/fixtures/{above}{below}"),
        _ => format!("{folder}/{}", file.inside),
    };
    if is_fixture || !(file.ends_with(".csv") || file.ends_with(".md")) {
        insert(files, path, &file.text, &file.path);
    }
}

/// Markdown with docs blocks. Where `docs-paths` names folders, dbt reads these alone.
fn docs(dbt: &Dbt, files: &mut Files) {
    let from: Vec<&DbtFile> = if dbt.settings.contains_key("docs-paths") {
        dbt.docs.iter().collect()
    } else {
        // Beside models and seeds any note is kept, elsewhere what dbt reads.
        let others = [&dbt.snapshots, &dbt.macros, &dbt.analyses, &dbt.tests].into_iter().flatten();
        dbt.models.iter().chain(&dbt.seeds).chain(others.filter(|file| file.text.contains("{%"))).collect()
    };
    for file in from.into_iter().filter(|file| file.ends_with(".md")) {
        let short = format!("models/stage/{}", file.inside);
        let path = match files.contains_key(&short) {
            true => format!("models/stage/{}", file.path.replace('/', "_")),
            false => short,
        };
        insert(files, path, &file.text, &file.path);
    }
}
