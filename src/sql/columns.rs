//! The columns that a list of declarations names: `id integer not null, name text`.

use squawk_syntax::ast::AstNode;
use squawk_syntax::{SourceFile, ast};

use super::follow::name_of;

/// Names and types as written; constraints are passed over. `None` where the text is no such list.
pub fn declared_columns(list: &str) -> Option<Vec<(String, String)>> {
    let parsed = SourceFile::parse(&format!("create table t ({list}\n)"));
    if !parsed.errors().is_empty() {
        return None;
    }
    let columns = parsed.tree().syntax().descendants().filter_map(ast::Column::cast);
    Some(columns.filter_map(|column| Some((name_of(column.name()?.syntax()), type_of(&column)))).collect())
}

fn type_of(column: &ast::Column) -> String {
    column.ty().map(|written| written.syntax().text().to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_types_are_read_and_constraints_passed_over() {
        let columns = declared_columns(
            "id integer primary key, -- the key\n \"Na\"\"me\" numeric(12, 2) default 0,\n check (id > 0)",
        );
        let expected = [("id", "integer"), ("Na\"me", "numeric(12, 2)")];
        assert_eq!(columns.unwrap(), expected.map(|(name, kind)| (name.to_owned(), kind.to_owned())));
        assert_eq!(declared_columns("select 1"), None);
    }
}
