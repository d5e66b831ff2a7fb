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
    Err(SourceError::new(format!("the columns of {shown} cannot be loaded: {}", faults.join("; ")))
        .with_hint("give each column a name of its own in the file's header"))
}

/// For each column of the file the index of its target.
pub(super) fn pair(names: &[String], targets: &[Target], shown: &str) -> Result<Vec<usize>, SourceError> {
    let found: Vec<Option<usize>> =
        names.iter().map(|name| targets.iter().position(|target| target.name == *name)).collect();
    let unknown: Vec<&str> =
        names.iter().zip(&found).filter(|(_, found)| found.is_none()).map(|(name, _)| &**name).collect();
    let missing: Vec<&str> = targets
        .iter()
        .map(|target| &*target.name)
        .filter(|target| !names.iter().any(|name| name == target))
        .collect();
    if unknown.is_empty() && missing.is_empty() {
        return Ok(found.into_iter().flatten().collect());
    }
    let mut said = Vec::new();
    if !unknown.is_empty() {
        said.push(format!("the file has {} that the table lacks", list(unknown.iter().copied())));
    }
    if !missing.is_empty() {
        said.push(format!("the table has {} that the file lacks", list(missing.iter().copied())));
    }
    let error = SourceError::new(format!("{shown} does not fit its table: {}", said.join("; ")));
    Err(error.with_hint(hint(&unknown, &missing, names)))
}

fn hint(unknown: &[&str], missing: &[&str], names: &[String]) -> String {
    if let [only] = names
        && let Some(mark) = [';', '\t', '|', ','].into_iter().find(|mark| only.contains(*mark))
    {
        return format!("the header is one column that holds {mark:?}: set the delimiter to it");
    }
    let near = unknown.iter().find_map(|name| Some((name, nearest(name, missing.iter().copied())?)));
    match near {
        Some((name, near)) => {
            format!(
                "is `{}` in the file meant to be `{near}`? Names are compared exactly",
                name.escape_debug()
            )
        }
        None => "make the model's columns those of the file, in any order".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn targets(names: &[&str]) -> Vec<Target> {
        names.iter().map(|name| Target { name: (*name).to_owned(), type_oid: 25 }).collect()
    }

    #[test]
    fn columns_pair_in_any_order() {
        assert_eq!(pair(&names(&["b", "a"]), &targets(&["a", "b"]), "f").unwrap(), [1, 0]);
    }

    #[test]
    fn every_difference_is_named_with_the_nearest_name() {
        let error =
            pair(&names(&["id", "totl_orders", "x"]), &targets(&["id", "total_orders"]), "f").unwrap_err();
        assert_eq!(
            error.message,
            "f does not fit its table: the file has `totl_orders` and `x` that the table lacks; \
             the table has `total_orders` that the file lacks"
        );
        assert!(error.hint.unwrap().contains("`totl_orders` in the file meant to be `total_orders`?"));
    }

    #[test]
    fn a_wrong_delimiter_is_suspected() {
        let error = pair(&names(&["a;b"]), &targets(&["a", "b"]), "f").unwrap_err();
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
