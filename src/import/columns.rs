//! The types that dbt gives a seed's columns, so that a raw load has the values dbt's models had.

use serde_json::{Map, Value};

/// Names and PostgreSQL types of a CSV's columns; `declared` is dbt's `column_types`.
pub fn columns(text: &str, declared: &Map<String, Value>) -> Result<Vec<(String, String)>, csv::Error> {
    let mut reader =
        csv::ReaderBuilder::new().flexible(true).from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let header: Vec<String> = reader.headers()?.iter().map(str::to_owned).collect();
    let mut fits: Vec<Vec<&str>> = vec![TYPES.iter().map(|(name, _)| *name).collect(); header.len()];
    let mut filled = vec![false; header.len()];
    for record in reader.records() {
        for (index, cell) in record?.iter().enumerate().take(header.len()) {
            let cell = cell.trim();
            if !cell.is_empty() && !cell.eq_ignore_ascii_case("null") {
                filled[index] = true;
                fits[index].retain(|name| TYPES.iter().any(|(known, test)| known == name && test(cell)));
            }
        }
    }
    let types = header.into_iter().enumerate().map(|(index, name)| {
        let inferred = fits[index].first().filter(|_| filled[index]).copied().unwrap_or("text");
        let kind = declared.get(&name).and_then(Value::as_str).unwrap_or(inferred).to_owned();
        (name, kind)
    });
    Ok(types.collect())
}

type Test = fn(&str) -> bool;

/// In the order in which dbt tries them.
const TYPES: &[(&str, Test)] = &[
    ("integer", |cell| cell.parse::<i32>().is_ok()),
    ("bigint", |cell| cell.parse::<i64>().is_ok()),
    ("double precision", |cell| {
        cell.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) && cell.parse::<f64>().is_ok()
    }),
    ("date", |cell| cell.len() == 10 && cell.parse::<jiff::civil::Date>().is_ok()),
    ("timestamp", |cell| {
        cell.len() > 10 && !cell.ends_with('Z') && cell.parse::<jiff::civil::DateTime>().is_ok()
    }),
    ("boolean", |cell| cell.eq_ignore_ascii_case("true") || cell.eq_ignore_ascii_case("false")),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_those_that_dbt_gives() {
        let text = "a,b,c,d,e,f,g\n1,1.5,2020-01-31,2020-01-31T10:00:00,true,x,\n2,3,2020-02-01,2020-01-31 11:00:00,False,1,\n";
        let types: Vec<String> =
            columns(text, &Map::new()).unwrap().into_iter().map(|(_, kind)| kind).collect();
        assert_eq!(types, ["integer", "double precision", "date", "timestamp", "boolean", "text", "text"]);
        let declared = Map::from_iter([("a".to_owned(), Value::from("varchar(8)"))]);
        assert_eq!(columns("a\n1\n", &declared).unwrap(), [("a".to_owned(), "varchar(8)".to_owned())]);
    }
}
