//! `sample://…`: rows that elt makes itself. Knows which generators there are, not how they work.

use std::io::Read;

use super::SourceError;
use super::error::{list, nearest};

mod vouchers;
use vouchers::VoucherSample;

const GENERATORS: [&str; 1] = ["vouchers"];

/// Refuses an unknown generator or a query that the generator does not understand.
pub(super) fn check(generator: &str, query: &str) -> Result<(), SourceError> {
    reader(generator, query).map(drop)
}

/// The sample as CSV with a header.
pub(super) fn reader(generator: &str, query: &str) -> Result<Box<dyn Read + Send>, SourceError> {
    match generator {
        "vouchers" => {
            let sample = VoucherSample::from_query(query).map_err(|why| {
                SourceError::new(format!("sample://vouchers?{query} is not understood: {why}"))
                    .with_hint("write e.g. sample://vouchers?rows=100000&seed=7&edition=2018")
            })?;
            Ok(Box::new(sample.csv_reader()))
        }
        unknown => {
            let error = SourceError::new(format!("there is no sample generator `{unknown}`"));
            Err(match nearest(unknown, GENERATORS) {
                Some(near) => error.with_hint(format!("was sample://{near} meant?")),
                None => error.with_hint(format!("there is {}", list(GENERATORS))),
            })
        }
    }
}
