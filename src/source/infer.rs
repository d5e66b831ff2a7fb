//! The exact types of a file's columns, from all of its rows.

use indexmap::IndexMap;

use super::fetch::Fetched;
use super::opened::{Body, Opened};
use super::read::named;
use super::{ReadOptions, SourceError};
use crate::inference::Narrowing;

/// Columns and what they can still be, over one or more files.
#[derive(Default)]
pub struct Inference(IndexMap<String, Found>);

#[derive(Default)]
struct Found {
    narrowing: Narrowing,
    /// As the file itself says.
    told: Option<String>,
}

impl Inference {
    /// Reads the whole file; blocks.
    pub fn read(&mut self, fetched: &Fetched, options: &ReadOptions) -> Result<(), SourceError> {
        let mut opened = Opened::new(fetched, options)?;
        let names = named(&opened.body, options, &fetched.location)?;
        match &mut opened.body {
            Body::Parquet(parquet) => {
                for (name, told) in names.into_iter().zip(parquet.natural_types()) {
                    let found = self.0.entry(name).or_default();
                    found.told = match (found.told.take(), told) {
                        (Some(before), Some(told)) => Some(both(before, told)),
                        // A column of nothing but NULL may have any type.
                        (before, told) => before.or(told),
                    };
                }
            }
            Body::Records(records) => {
                let mut seen: Vec<Narrowing> = names
                    .iter()
                    .map(|name| {
                        self.0.get(name).map_or_else(Narrowing::default, |found| found.narrowing.clone())
                    })
                    .collect();
                while let Some(record) = records.next()? {
                    if record.problem.is_some() {
                        continue;
                    }
                    for (index, narrowing) in seen.iter_mut().enumerate() {
                        if let Some(text) =
                            record.value(index).and_then(|value| std::str::from_utf8(value).ok())
                        {
                            narrowing.see(text);
                        }
                    }
                }
                let nested = records.nested();
                for (index, (name, narrowing)) in names.into_iter().zip(seen).enumerate() {
                    let found = self.0.entry(name).or_default();
                    found.narrowing = narrowing;
                    if nested.get(index).is_some_and(|nested| *nested) {
                        found.told = Some("jsonb".to_owned());
                    }
                }
            }
        }
        Ok(())
    }

    /// Names and types, in the order in which the columns first came.
    pub fn columns(&self) -> Vec<(String, String)> {
        let of = |found: &Found| found.told.clone().unwrap_or_else(|| found.narrowing.data_type().to_owned());
        self.0.iter().map(|(name, found)| (name.clone(), of(found))).collect()
    }
}

/// The narrowest type that holds all values of both exactly.
fn both(one: String, other: String) -> String {
    const WHOLE: [&str; 3] = ["smallint", "integer", "bigint"];
    const FLOATS: [&str; 2] = ["real", "double precision"];
    let place = |types: &[&str], name: &str| types.iter().position(|known| *known == name);
    let exact = |name: &str| place(&WHOLE, name).is_some() || name.starts_with("numeric");
    if one == other {
        return one;
    }
    for types in [&WHOLE[..], &FLOATS] {
        if let (Some(a), Some(b)) = (place(types, &one), place(types, &other)) {
            return types[a.max(b)].to_owned();
        }
    }
    if exact(&one) && exact(&other) { "numeric" } else { "text" }.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_differ_meet_in_a_type_that_loses_nothing() {
        for (one, other, wanted) in [
            ("smallint", "bigint", "bigint"),
            ("integer", "numeric(10,2)", "numeric"),
            ("numeric(10,2)", "numeric(12,4)", "numeric"),
            ("real", "double precision", "double precision"),
            ("bigint", "double precision", "text"),
            ("date", "timestamp", "text"),
            ("date", "date", "date"),
        ] {
            assert_eq!(both(one.to_owned(), other.to_owned()), wanted);
            assert_eq!(both(other.to_owned(), one.to_owned()), wanted);
        }
    }
}
