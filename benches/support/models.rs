//! Projects of many trivial models, each reading two or three earlier ones.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use super::{project, write};

/// What the models of a project are.
#[derive(Clone, Copy)]
pub enum Kind {
    Views,
    /// Stage are tables, prod are views.
    MostlyTables,
}

/// `count` models; the last tenth is prod. With YAML, each has a file of its own with two tests.
pub fn generate(name: &str, count: usize, kind: Kind, with_yaml: bool) -> PathBuf {
    let root = project(name);
    for index in 0..count {
        model(&root, index, count, kind, with_yaml);
    }
    root
}

fn model(root: &Path, index: usize, count: usize, kind: Kind, with_yaml: bool) {
    let layer = if index * 10 >= count * 9 { "prod" } else { "stage" };
    let domain = format!("domain_{:02}", index * 20 / count);
    let mut sql = match kind {
        Kind::MostlyTables if layer == "stage" => "{{ config(materialized='table') }}\n".to_owned(),
        _ => "{{ config(materialized='view') }}\n".to_owned(),
    };
    // Ten levels: views over views over views would measure the server's rewriter.
    let level = index * 10 / count;
    let earlier = level * count / 10;
    if earlier == 0 {
        let _ = writeln!(sql, "select {index} as id, 'name {index}' as name, 1 as value");
    } else {
        let width = count / 10;
        let parents: Vec<usize> =
            (0..2 + index % 2).map(|step| earlier - width + (index * 7 + step * 31) % width).collect();
        // Scalar subqueries, not joins: joins of new tables look dear to the planner, and its just-in-time
        // compiler would then be all that is measured.
        let _ = writeln!(sql, "select a.id, a.name, a.value + 1 as value");
        for (step, parent) in parents.iter().enumerate().skip(1) {
            let _ = writeln!(
                sql,
                "    , (select max(value) from {{{{ ref('model_{parent:05}') }}}}) as other_{step}"
            );
        }
        let _ = writeln!(sql, "from {{{{ ref('model_{:05}') }}}} as a", parents[0]);
    }
    write(root, &format!("models/{layer}/{domain}/model_{index:05}.sql"), &sql);
    if with_yaml {
        let yaml = format!(
            "version: 2\nmodels:\n  - name: model_{index:05}\n    description: Model {index}.\n    columns:\n      \
             - name: id\n        tests: [unique, not_null]\n"
        );
        write(root, &format!("models/{layer}/{domain}/model_{index:05}.yml"), &yaml);
    }
}
