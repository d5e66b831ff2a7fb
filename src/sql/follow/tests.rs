//! What is said of queries that PostgreSQL would not take as a view, and of tables whose columns are not
//! known. That lineage is right where it can be is tested against PostgreSQL itself, in
//! `tests/elt/lineage/records.rs`.

use super::*;

/// `a` has the columns x and y; `open` has x and more that are not known.
fn known(path: &[String]) -> Option<Known> {
    let (table, columns, complete): (usize, &[&str], bool) = match path.last()?.as_str() {
        "a" => (0, &["x", "y"], true),
        "open" => (1, &["x"], false),
        "open2" => (2, &[], false),
        _ => return None,
    };
    let columns = columns.iter().map(|column| Arc::from(*column)).collect();
    Some(Known { table, name: path.last()?.as_str().into(), columns, complete })
}

/// Columns with their values, then doubts.
fn told(sql: &str) -> String {
    let followed = follow(sql, &known);
    let value = |input: &Input| {
        let mark = if input.kind == Kind::Copied { "" } else { "~" };
        input.kind.is_value().then(|| format!("{mark}{}.{}", input.table.name, input.column))
    };
    let mut lines = Vec::new();
    for column in &followed.columns {
        let values: Vec<String> = column.inputs.iter().filter_map(value).collect();
        let unsure = if column.unsure { " ?" } else { "" };
        lines.push(format!("{} <- {}{unsure}", column.name, values.join(" ")));
    }
    lines.extend(followed.open.iter().map(|table| format!("* <- {}", table.name)));
    lines.extend(followed.unsure.iter().map(|doubt| format!("{}: {}", doubt.at, doubt.message)));
    lines.join("\n")
}

#[test]
fn a_column_passed_on_is_told_from_one_computed() {
    insta::assert_snapshot!(told("select x, (y) as z, x + y as w, max(x) from a group by 1"), @r"
    x <- a.x
    z <- a.y
    w <- ~a.x ~a.y
    max <- ~a.x
    ");
}

#[test]
fn unknown_columns_are_taken_only_where_nothing_else_can_be_meant() {
    insta::assert_snapshot!(told("select *, q, open.r from open"), @r"
    x <- open.x
    q <- open.q
    r <- open.r
    * <- open
    ");
    insta::assert_snapshot!(told("select y, q from a, open where y = 1"), @r"
    y <- a.y
    q <- open.q
    ");
    insta::assert_snapshot!(told("select q from open, open2"), @"
    q <-  ?
    7: where `q` comes from is not sure: several relations here have columns that are not known
    ");
    insta::assert_snapshot!(told("select (select y from open) from a"), @r"
    y <-  ?
    15: where `y` comes from is not sure: a nearer relation whose columns are not all known may have it, too
    ");
    insta::assert_snapshot!(told("with w as (select * from open) select x, r from w"), @r"
    x <- open.x
    r <- open.r
    ");
    insta::assert_snapshot!(told("select * from open union all select * from open2"), @r"
    x <- open.x ?
    * <- open
    * <- open2
    ");
    insta::assert_snapshot!(told("select * from other.place o natural join a"), @r"
    x <- a.x
    y <- a.y
    * <- other.place
    28: which columns a natural join merges is not known
    ");
}

#[test]
fn what_cannot_be_found_is_said_with_its_place() {
    insta::assert_snapshot!(told("select nope, b.x, a.z, x from a"), @r"
    nope <-  ?
    x <-  ?
    z <-  ?
    x <- a.x
    7: `nope` is no column of the relations here
    13: there is no relation `b` here
    18: `a` has no column `z`
    ");
    insta::assert_snapshot!(told("select x from a a1, a a2"), @r"
    x <-  ?
    7: where `x` comes from is not sure: several relations here have it
    ");
    insta::assert_snapshot!(told("insert into a values (1)"), @"0: this is no query");
    insta::assert_snapshot!(told(""), @"0: this is no query");
    insta::assert_snapshot!(told("select x from from a"), @r"
    x <-  ?
    13: the SQL cannot be read here: expected from item, got FROM_KW
    ");
    insta::assert_snapshot!(told("with w as (delete from a returning x) select x from w"), @r"
    x <-  ?
    11: what a data-changing statement returns is not followed
    ");
    insta::assert_snapshot!(told("select * from some_function(1) f, a"), @r"
    x <- a.x
    y <- a.y
    0: the columns that a function returns are not known
    ");
    insta::assert_snapshot!(told("select f.col, x from some_function(x) f, a"), @r"
    col <-  ?
    x <- a.x
    35: `x` is no column of the relations here
    ");
}

#[test]
fn a_definition_keeps_its_digest_through_another_spelling_and_loses_it_with_its_meaning() {
    let digest = |sql: &str| follow(sql, &known).columns[0].digest;
    let first = digest("select x + 1 as n from a");
    assert_eq!(first, digest("with w as (select * from a) SELECT\n  w.x /* same */ + 1 AS other FROM w"));
    assert_ne!(first, digest("select x + 2 as n from a"));
    assert_ne!(first, digest("select y + 1 as n from a"));
    let rows = |sql: &str| follow(sql, &known).rows_digest;
    assert_eq!(rows("select x from a where y = 1"), rows("select y from a t where t.y=1"));
    assert_ne!(rows("select x from a where y = 1"), rows("select x from a where y = 2"));
    let with = "with w as (select * from (select * from a) b) select x from w where y = 1";
    assert_eq!(rows("select x from a where y = 1"), rows(with));
    assert_ne!(rows("select x from a"), rows("select x from open"));
    assert_ne!(rows("select x from a order by x"), rows("select x from a order by x desc"));
}

#[test]
fn deep_nesting_overflows_nothing() {
    let deep = format!("select {}x{} as n from a", "(".repeat(3_000), ")".repeat(3_000));
    assert_eq!(told(&deep), "n <- a.x");
    let long = format!("select x{} as n from a", " + y".repeat(20_000));
    assert_eq!(told(&long), "n <- ~a.x ~a.y");
    let nested = (0..500).fold("select * from a".to_owned(), |inner, _| format!("select * from ({inner}) t"));
    assert_eq!(told(&nested), "x <- a.x\ny <- a.y");
    let unions = vec!["select x from a"; 3_000].join(" union all ");
    assert_eq!(told(&unions), "x <- a.x");
}

#[test]
fn names_are_cut_where_postgresql_cuts_them() {
    let long = "n".repeat(70);
    assert_eq!(told(&format!("select x as {long} from a")), format!("{} <- a.x", "n".repeat(63)));
}
