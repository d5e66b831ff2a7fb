//! What somebody would write by hand for psql: the compiled SQL of a project, one statement after another.

use std::fmt::Write;
use std::path::Path;

use elt::manifest::{Body, Manifest, compile};
use elt::name::literal;
use elt::project::{Layer, Materialization, Project, Setting};

/// The compiled project.
pub fn manifest(root: &Path, vars: &[(&str, &str)]) -> Manifest {
    let vars = vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
    let setting = Setting { vars, ..Setting::default() };
    let (project, _) = Project::read(root, &setting).unwrap_or_else(|problems| panic!("{problems:?}"));
    let (manifest, problems) = compile(&project);
    assert!(problems.is_empty(), "{problems:?}");
    manifest
}

/// The schemas, empty.
pub fn schemas(manifest: &Manifest) -> String {
    let mut sql = "set client_min_messages = warning;\n".to_owned();
    for layer in Layer::ALL {
        let schema = manifest.schema(layer);
        let _ = writeln!(sql, "drop schema if exists {schema} cascade;\ncreate schema {schema};");
    }
    sql
}

/// Every model and rule in build order. `raw` is the file that loads go without: the CSV that is copied in.
pub fn models(manifest: &Manifest, raw: Option<&Path>) -> String {
    let mut sql = String::new();
    for id in &manifest.order {
        let (node, relation) = (manifest.node(*id), manifest.published(*id));
        if let Body::Rule(rule) = &node.body {
            let columns: Vec<String> =
                rule.columns.iter().map(|column| format!("{} {}", column.name, column.data_type)).collect();
            let _ = writeln!(sql, "create table {relation} ({});", columns.join(", "));
            let _ = writeln!(sql, "copy {relation} from stdin with (format csv, header true);");
            let _ = writeln!(sql, "{}\n\\.", node.file.text.trim_end());
            continue;
        }
        let query = manifest.query(*id, false, &|target| manifest.published(target));
        let text = query.text.trim();
        let _ = match (node.materialization, raw) {
            (Materialization::Load, Some(file)) => writeln!(
                sql,
                "create table {relation} ({text});\n\\copy {relation} from {} with (format csv, header true)",
                literal(&file.to_string_lossy())
            ),
            (Materialization::View, _) => writeln!(sql, "create view {relation} as\n{text};"),
            _ => writeln!(sql, "create table {relation} as\n{text};"),
        };
    }
    sql
}

/// Every test; a wrong row stops the script.
pub fn tests(manifest: &Manifest) -> String {
    let mut sql = String::new();
    for test in &manifest.tests {
        let query = manifest.test_query(test, &|target| manifest.published(target));
        let _ = writeln!(sql, "select 1 / (count(*) = 0)::int from (\n{}\n) as wrong_rows;", query.text);
    }
    sql
}
