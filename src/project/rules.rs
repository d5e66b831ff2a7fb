//! Business rules kept as CSV: read, typed and checked before anything runs, each problem at its own line.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::properties::{Properties, Ranges};
use super::{FolderKind, Folders, folder_config, stem};
use crate::diagnostic::{Diagnostic, Location, SourceFile, did_you_mean};
use crate::inference::type_of;
use crate::name::Ident;

#[derive(Debug, Clone)]
pub struct RuleColumn {
    pub name: Ident,
    /// A PostgreSQL type, as declared or as the values show.
    pub data_type: String,
}

/// A rules file: a table of the stage layer, filled from `file`.
#[derive(Debug, Clone)]
pub struct Rule {
    pub name: String,
    pub file: Arc<SourceFile>,
    pub columns: Vec<RuleColumn>,
    /// What stands between two cells.
    pub delimiter: char,
}

/// One line of the file: where it stands, and its cells.
struct Line {
    span: std::ops::Range<usize>,
    number: u64,
    cells: Vec<String>,
}

/// All of a project's: those that are read, and those that config switches off.
pub(super) fn read_all(
    files: &[Arc<SourceFile>],
    project: &str,
    folders: &Folders,
    properties: &[Properties],
    problems: &mut Vec<Diagnostic>,
) -> (Vec<Rule>, Vec<Rule>) {
    let (mut rules, mut disabled_rules) = (Vec::new(), Vec::new());
    let tree = folders
        .of(FolderKind::Rules)
        .map(|(tree, _)| Value::Object(tree.get(project).and_then(Value::as_object).unwrap_or(tree).clone()));
    for file in files {
        let own = properties.iter().find(|entry| entry.name == stem(&file.path));
        let path: Vec<&str> = file.path.trim_end_matches(".csv").split('/').skip(1).collect();
        let words = tree.as_ref().map(|tree| folder_config(tree, &path)).unwrap_or_default();
        match disabled(file, own, &words) {
            Some(rule) => disabled_rules.push(rule),
            None => rules.extend(read(file, own, &words, problems)),
        }
    }
    (rules, disabled_rules)
}

/// A file that config switches off, whatever it holds.
fn disabled(file: &Arc<SourceFile>, own: Option<&Properties>, folders: &Map<String, Value>) -> Option<Rule> {
    let said = own.and_then(|own| own.config.get("enabled")).or_else(|| folders.get("enabled"));
    let name = stem(&file.path).to_owned();
    (said == Some(&Value::Bool(false))).then(|| Rule {
        name,
        file: file.clone(),
        columns: Vec::new(),
        delimiter: ',',
    })
}

fn read(
    file: &Arc<SourceFile>,
    own: Option<&Properties>,
    folders: &Map<String, Value>,
    problems: &mut Vec<Diagnostic>,
) -> Option<Rule> {
    let before = problems.len();
    let word = |word: &str| own.and_then(|own| own.config.get(word)).or_else(|| folders.get(word));
    let delimiter = match word("delimiter").and_then(Value::as_str).map(|text| text.replace("\\t", "\t")) {
        None => ',',
        Some(text) if text.len() == 1 => text.chars().next().unwrap_or(','),
        Some(text) => {
            let place =
                own.map_or_else(|| Location::start_of(file), |own| own.config_place.closer("delimiter"));
            let message = format!("config's `delimiter` is wrong: `{text}` is not one character of ASCII");
            problems.push(Diagnostic::error("bad-config", message).at(place));
            return None;
        }
    };
    let (header, lines) = parse(file, delimiter, problems)?;
    let types = word("column_types").and_then(Value::as_object);
    let columns = columns(file, own, types, &header, &lines, problems);
    if let Some((ranges, place)) = own.and_then(|own| own.ranges.as_ref()) {
        check_ranges(file, ranges, place, &header, &lines, problems);
    }
    (problems.len() == before).then(|| Rule {
        name: stem(&file.path).to_owned(),
        file: file.clone(),
        columns,
        delimiter,
    })
}

fn parse(
    file: &Arc<SourceFile>,
    delimiter: char,
    problems: &mut Vec<Diagnostic>,
) -> Option<(Vec<String>, Vec<Line>)> {
    let mut reader = csv::ReaderBuilder::new();
    reader.flexible(true).delimiter(delimiter as u8);
    let mut reader = reader.from_reader(file.text.as_bytes());
    let header: Vec<String> = match reader.headers() {
        Ok(header) => header.iter().map(|name| name.trim().to_owned()).collect(),
        Err(error) => {
            problems.push(Diagnostic::error("csv", error.to_string()).at(Location::start_of(file)));
            return None;
        }
    };
    if header.is_empty() || file.text.trim().is_empty() {
        problems.push(
            Diagnostic::error("csv", format!("{} is empty", file.path))
                .at(Location::start_of(file))
                .hint("the first line names the columns"),
        );
        return None;
    }
    let mut lines = Vec::new();
    for record in reader.records() {
        match record {
            Ok(record) => {
                let position = record.position().expect("a record that was read has a position");
                let start = position.byte() as usize;
                let end = start + file.text[start..].find('\n').unwrap_or(file.text.len() - start);
                let line = Line {
                    span: start..end,
                    number: position.line(),
                    cells: record.iter().map(|cell| cell.trim().to_owned()).collect(),
                };
                if line.cells.len() != header.len() {
                    let message =
                        format!("this line has {} cells, the header {}", line.cells.len(), header.len());
                    let problem =
                        Diagnostic::error("csv", message).at(Location::new(file, line.span.clone()));
                    let ends_open =
                        line.cells.len() > header.len() && line.cells.last().is_some_and(String::is_empty);
                    let hint =
                        ends_open.then_some("the separator at its end begins one more cell: take it away");
                    problems.push(problem.maybe_hint(hint.map(Into::into)));
                } else {
                    lines.push(line);
                }
            }
            Err(error) => {
                problems.push(Diagnostic::error("csv", error.to_string()).at(Location::start_of(file)));
                return None;
            }
        }
    }
    Some((header, lines))
}

/// What to do about a column that the header has not.
fn instead(name: &str, header: &[String]) -> String {
    let near = did_you_mean(name, header.iter().map(String::as_str));
    match header {
        // As spreadsheets save in many countries.
        [only] if only.contains([';', '\t', '|']) => {
            let other = only.chars().find(|letter| ";\t|".contains(*letter)).unwrap_or(';');
            let other = if other == '\t' { "\\t".to_owned() } else { other.to_string() };
            format!(
                "its cells are not separated by commas: say `config: {{delimiter: \"{other}\"}}` beside its name in YAML"
            )
        }
        _ => near.unwrap_or_else(|| format!("it has {}", header.join(", "))),
    }
}

fn columns(
    file: &Arc<SourceFile>,
    own: Option<&Properties>,
    types: Option<&Map<String, Value>>,
    header: &[String],
    lines: &[Line],
    problems: &mut Vec<Diagnostic>,
) -> Vec<RuleColumn> {
    let declared = own.map(|own| own.columns.as_slice()).unwrap_or_default();
    for column in declared.iter().filter(|column| !header.contains(&column.name)) {
        problems.push(
            Diagnostic::error("unknown-column", format!("{} has no column `{}`", file.path, column.name))
                .at(column.place.clone())
                .hint(instead(&column.name, header)),
        );
    }
    let mut columns = Vec::new();
    for (index, name) in header.iter().enumerate() {
        if header[..index].contains(name) {
            let message = format!("the column `{name}` stands twice in the header");
            problems.push(Diagnostic::error("csv", message).at(Location::start_of(file)));
        }
        let ident = match Ident::new(name) {
            Ok(ident) => ident,
            Err(error) => {
                let message = format!("column {}: {error}", index + 1);
                problems.push(Diagnostic::error("bad-name", message).at(Location::start_of(file)));
                continue;
            }
        };
        let cells = lines.iter().map(|line| line.cells[index].as_str());
        let declared = declared.iter().find(|column| column.name == *name).and_then(|c| c.data_type.clone());
        let configured = || types?.get(name)?.as_str().map(str::to_owned);
        let declared = declared.or_else(configured);
        let data_type = declared.unwrap_or_else(|| type_of(cells).to_owned());
        for line in lines {
            let cell = &line.cells[index];
            if !cell.is_empty() && !fits(cell, &data_type) {
                let message = format!("`{cell}` in column `{name}` is no {data_type}");
                problems
                    .push(Diagnostic::error("bad-value", message).at(Location::new(file, line.span.clone())));
            }
        }
        columns.push(RuleColumn { name: ident, data_type });
    }
    columns
}

/// Whether a value is of a type that elt knows. What it does not know is left for PostgreSQL to judge.
fn fits(cell: &str, data_type: &str) -> bool {
    let base = data_type.split('(').next().unwrap_or_default().trim().to_lowercase();
    match base.as_str() {
        "integer" | "int" | "int4" => cell.parse::<i32>().is_ok(),
        "bigint" | "int8" => cell.parse::<i64>().is_ok(),
        "smallint" | "int2" => cell.parse::<i16>().is_ok(),
        "numeric" | "decimal" => is_decimal(cell),
        "boolean" | "bool" => {
            matches!(cell.to_lowercase().as_str(), "true" | "false" | "t" | "f" | "yes" | "no")
        }
        "date" => cell.len() == 10 && cell.parse::<jiff::civil::Date>().is_ok(),
        _ => true,
    }
}

fn is_decimal(cell: &str) -> bool {
    let digits = cell.strip_prefix(['-', '+']).unwrap_or(cell);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    (!whole.is_empty() || digits.contains('.')) && all_digits(whole) && all_digits(fraction) && digits != "."
}

/// Ranges are whole numbers, both ends belong to them; in a group they follow each other.
fn check_ranges(
    file: &Arc<SourceFile>,
    ranges: &Ranges,
    place: &Location,
    header: &[String],
    lines: &[Line],
    problems: &mut Vec<Diagnostic>,
) {
    let mut find = |name: &String| {
        let index = header.iter().position(|column| column == name);
        if index.is_none() {
            let message = format!("ranges name the column `{name}`, which {} does not have", file.path);
            let hint = did_you_mean(name, header.iter().map(String::as_str));
            problems.push(Diagnostic::error("unknown-column", message).at(place.clone()).maybe_hint(hint));
        }
        index
    };
    let (lower, upper) = (find(&ranges.lower), find(&ranges.upper));
    let by: Option<Vec<usize>> = ranges.by.iter().map(&mut find).collect();
    let (Some(lower), Some(upper), Some(by)) = (lower, upper, by) else { return };

    let mut parsed: Vec<(Vec<&str>, i64, i64, &Line)> = Vec::new();
    for line in lines {
        let at = || Location::new(file, line.span.clone());
        let Ok(from) = line.cells[lower].parse::<i64>() else {
            let message =
                format!("line {}: `{}` is no whole number to begin a range", line.number, line.cells[lower]);
            problems.push(Diagnostic::error("bad-range", message).at(at()));
            continue;
        };
        let to = if line.cells[upper].is_empty() { Ok(i64::MAX) } else { line.cells[upper].parse::<i64>() };
        let Ok(to) = to else {
            let message =
                format!("line {}: `{}` is no whole number to end a range", line.number, line.cells[upper]);
            problems.push(Diagnostic::error("bad-range", message).at(at()));
            continue;
        };
        if from > to {
            let message =
                format!("line {}: the range begins at {from} and ends before it, at {to}", line.number);
            problems.push(Diagnostic::error("bad-range", message).at(at()).hint("swap the two ends"));
            continue;
        }
        parsed.push((by.iter().map(|index| line.cells[*index].as_str()).collect(), from, to, line));
    }
    parsed.sort_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
    for pair in parsed.windows(2) {
        let [(group, from, to, first), (next_group, next_from, _, second)] = pair else { continue };
        if group != next_group {
            continue;
        }
        let at = Location::new(file, second.span.clone());
        let (a, b) = (first.number, second.number);
        let end = if *to == i64::MAX { "without end".to_owned() } else { format!("to {to}") };
        if next_from <= to {
            let message = format!("lines {a} and {b} overlap: {from} {end}, and from {next_from}");
            let hint = "both ends belong to a range: begin the next one after the end of the one before";
            problems.push(Diagnostic::error("overlapping-ranges", message).at(at).hint(hint));
        } else if *next_from != to + 1 && !ranges.allow_gaps {
            let message =
                format!("lines {a} and {b} leave a hole: {} to {} is in no range", to + 1, next_from - 1);
            let hint = "close the hole, or allow it with `allow_gaps: true`";
            problems.push(Diagnostic::error("hole-in-ranges", message).at(at).hint(hint));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        let file = Arc::new(SourceFile { path: "rules/r.csv".into(), text: text.into() });
        let yaml = Arc::new(SourceFile {
            path: "rules/r.yml".into(),
            text: "rules: [{name: r, ranges: {lower: lo, upper: hi, by: [kind]}}]".into(),
        });
        let own = super::super::properties::read(&yaml, &[]).unwrap().properties;
        let mut problems = Vec::new();
        read(&file, own.first(), &Map::new(), &mut problems);
        problems.iter().map(|problem| problem.message.clone()).collect()
    }

    #[test]
    fn ranges_that_follow_each_other_are_good() {
        assert_eq!(problems("kind,lo,hi\na,1,4\na,5,13\nb,30,60\nb,61,\n"), [] as [String; 0]);
    }

    #[test]
    fn overlap_hole_and_swapped_ends_are_refused_naming_lines() {
        let told = problems("kind,lo,hi\na,1,5\na,5,13\nb,30,60\nb,62,\nc,9,3\n");
        assert_eq!(told[0], "line 6: the range begins at 9 and ends before it, at 3");
        assert_eq!(told[1], "lines 2 and 3 overlap: 1 to 5, and from 5");
        assert_eq!(told[2], "lines 4 and 5 leave a hole: 61 to 61 is in no range");
    }
}
