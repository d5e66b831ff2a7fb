//! `sample://…`: rows that elt makes itself. Knows how to ask for them, not how they are made.

use std::io::Read;

use super::SourceError;
use super::error::{list, nearest};
use crate::generate::{self, GENERATORS};

/// Refuses an unknown generator or a query that the generator does not understand.
pub(super) fn check(generator: &str, query: &str) -> Result<(), SourceError> {
    reader(generator, query).map(drop)
}

/// The sample as CSV with a header.
pub(super) fn reader(generator: &str, query: &str) -> Result<Box<dyn Read + Send>, SourceError> {
    let known = generate::find(generator).map_err(|why| {
        let names = GENERATORS.iter().map(|generator| generator.name);
        SourceError::new(why).with_hint(match nearest(generator, names.clone()) {
            Some(near) => format!("was sample://{near} meant?"),
            None => format!("there is {}", list(names)),
        })
    })?;
    let sample = known.sample(query).map_err(|why| {
        SourceError::new(format!("sample://{generator}?{query} is not understood: {why}"))
            .with_hint(format!("write e.g. sample://{generator}?{}", known.defaults))
    })?;
    Ok(sample.csv_reader())
}
