//! The columns of a file against the columns of a table: each has its partner, by exact name, or the load is
//! refused with every difference named.

use super::SourceError;
use super::error::{list, nearest};
use crate::name::Ident;

/// A column of the table to be filled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub name: String,
    /// `pg_attribute.atttypid`; of a domain its base type.
    pub type_oid: u32,
    /// `pg_attribute.atttypmod`, of a domain its own; -1 for none.
    pub modifier: i32,
    pub not_null: bool,
    /// A domain or a constraint may refuse what the type takes.
    pub constrained: bool,
}

impl Target {
    /// A column that takes all that its type does.
    pub fn new(name: impl Into<String>, type_oid: u32) -> Self {
        Self { name: name.into(), type_oid, modifier: -1, not_null: false, constrained: false }
    }
}

/// How the columns of a file and of a table belong together.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pairing {
    /// For each column of the file the index of its target.
    pub targets: Vec<Option<usize>>,
    /// Of the file.
    pub unknown: Vec<String>,
    /// Of the table.
    pub missing: Vec<String>,
}

/// The names as identifiers. Refuses empty, doubled and too long ones.
pub(super) fn identifiers(names: &[String], shown: &str) -> Result<Vec<Ident>, SourceError> {
    let mut faults = Vec::new();
    let mut identifiers = Vec::with_capacity(names.len());
    for (index, name) in names.iter().enumerate() {
        if name.trim().is_empty() {
            faults.push(format!("column {} has no name", index + 1));
        } else if let Some(first) = names[..index].iter().position(|earlier| earlier == name) {
            faults.push(format!(
                "columns {} and {} are both called {}",
                first + 1,
                index + 1,
                list([&**name])
            ));
        } else {
            match Ident::new(name.clone()) {
                Ok(identifier) => identifiers.push(identifier),
                Err(error) => faults.push(format!("column {}: {error}", index + 1)),
            }
        }
    }
    if faults.is_empty() {
        return Ok(identifiers);
    }
    // Every other byte of plain letters.
    let hint = if names.iter().any(|name| name.contains('\0')) {
        "is the file UTF-16? then say encoding='utf-16le', or save it as UTF-8"
    } else {
        "give each column a name of its own in the file's header"
    };
    Err(SourceError::new(format!("the columns of {shown} cannot be loaded: {}", faults.join("; ")))
        .with_hint(hint))
}

/// Pairs columns by name: exactly, or else without regard to case and to what is no letter or digit, where
/// that fits one column alone.
pub(super) fn pair(names: &[String], targets: &[Target]) -> Pairing {
    let plain = |name: &str| -> String {
        name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
    };
    let exact = |name: &String| targets.iter().position(|target| target.name == *name);
    let mut found: Vec<Option<usize>> = names.iter().map(exact).collect();
    for (index, name) in
        names.iter().enumerate().filter(|(index, _)| found[*index].is_none()).collect::<Vec<_>>()
    {
        let wanted = plain(name);
        let alike = |(at, target): (usize, &Target)| (plain(&target.name) == wanted).then_some(at);
        let mut near = targets.iter().enumerate().filter_map(alike);
        let alone = names.iter().filter(|other| plain(other) == wanted).count() == 1;
        if let (Some(at), None, true) = (near.next(), near.next(), alone && !wanted.is_empty()) {
            found[index] = Some(at);
        }
    }
    let unknown = names.iter().zip(&found).filter(|(_, found)| found.is_none()).map(|(name, _)| name.clone());
    let missing = targets.iter().enumerate().filter(|(at, _)| !found.contains(&Some(*at)));
    Pairing {
        unknown: unknown.collect(),
        missing: missing.map(|(_, target)| target.name.clone()).collect(),
        targets: found,
    }
}

impl Pairing {
    /// Refuses every difference.
    pub fn check(&self, names: &[String], headed: bool, shown: &str) -> Result<(), SourceError> {
        if self.unknown.is_empty() && self.missing.is_empty() {
            return Ok(());
        }
        let unknown: Vec<&str> = self.unknown.iter().map(String::as_str).collect();
        let missing: Vec<&str> = self.missing.iter().map(String::as_str).collect();
        let mut said = Vec::new();
        if !headed {
            let message = format!(
                "{shown} does not fit its table: the file has {}, and the table has {}",
                counted(names.len()),
                counted(names.len() - unknown.len() + missing.len())
            );
            return Err(SourceError::new(message).with_hint(
                "a file without a header fills the table's columns in their order: give the model as many, or set \
                 header=true",
            ));
        }
        if !unknown.is_empty() {
            said.push(format!("the file has {} that the table lacks", list(unknown.iter().copied())));
        }
        if !missing.is_empty() {
            said.push(format!("the table has {} that the file lacks", list(missing.iter().copied())));
        }
        let error = SourceError::new(format!("{shown} does not fit its table: {}", said.join("; ")));
        Err(error.with_hint(hint(&unknown, &missing, names)))
    }
}

/// What the columns of a file with a single one are probably parted by.
fn other_delimiter(names: &[String]) -> Option<char> {
    let [only] = names else { return None };
    [';', '\t', '|', ','].into_iter().find(|mark| only.contains(*mark))
}

/// Refuses a file all of whose columns would be taken for one.
pub(super) fn delimited_otherwise(names: &[String], shown: &str) -> Result<(), SourceError> {
    let Some(mark) = other_delimiter(names) else { return Ok(()) };
    let message =
        format!("{shown} has a single column, {}, by its header", list(names.iter().map(String::as_str)));
    Err(SourceError::new(message).with_hint(format!(
        "are its columns parted by {mark:?}? then say delimiter={mark:?}; else say delimiter=','"
    )))
}

fn counted(columns: usize) -> String {
    if columns == 1 { "1 column".to_owned() } else { format!("{columns} columns") }
}

fn hint(unknown: &[&str], missing: &[&str], names: &[String]) -> String {
    if let Some(mark) = other_delimiter(names) {
        return format!("the header is one column that holds {mark:?}: set the delimiter to it");
    }
    let near = unknown.iter().find_map(|name| Some((name, nearest(name, missing.iter().copied())?)));
    match near {
        Some((name, near)) => {
            format!("is `{}` in the file meant to be `{near}`?", name.escape_debug())
        }
        None => {
            "make the model's columns those of the file, in any order, or set on_columns_change to 'add' or \
                 'ignore'"
                .to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn targets(names: &[&str]) -> Vec<Target> {
        names.iter().map(|name| Target::new(*name, 25)).collect()
    }

    fn fault(file: &[&str], table: &[&str]) -> SourceError {
        pair(&names(file), &targets(table)).check(&names(file), true, "f").unwrap_err()
    }

    #[test]
    fn columns_pair_in_any_order() {
        assert_eq!(pair(&names(&["b", "a"]), &targets(&["a", "b"])).targets, [Some(1), Some(0)]);
    }

    #[test]
    fn case_and_blanks_do_not_matter_where_one_column_alone_is_meant() {
        let paired = |file: &[&str], table: &[&str]| pair(&names(file), &targets(table)).targets;
        assert_eq!(paired(&["Order ID", "Äb"], &["order_id", "äb"]), [Some(0), Some(1)]);
        assert_eq!(paired(&["ID", "id"], &["id"]), [None, Some(0)]);
        assert_eq!(paired(&["Id", "iD"], &["id"]), [None, None]);
        assert_eq!(paired(&["a b"], &["a_b", "ab"]), [None]);
    }

    #[test]
    fn every_difference_is_named_with_the_nearest_name() {
        let error = fault(&["id", "totl_orders", "x"], &["id", "total_orders"]);
        assert_eq!(
            error.message,
            "f does not fit its table: the file has `totl_orders` and `x` that the table lacks; \
             the table has `total_orders` that the file lacks"
        );
        assert!(error.hint.unwrap().contains("`totl_orders` in the file meant to be `total_orders`?"));
    }

    #[test]
    fn a_wrong_delimiter_is_suspected() {
        let error = fault(&["a;b"], &["a", "b"]);
        assert!(error.hint.unwrap().contains("';'"));
    }

    #[test]
    fn empty_doubled_and_too_long_names_are_all_told() {
        let long = "x".repeat(64);
        let error = identifiers(&names(&["a", " ", "a", &long]), "f").unwrap_err().message;
        assert!(
            error.contains("column 2 has no name; columns 1 and 3 are both called `a`; column 4:"),
            "{error}"
        );
    }
}
