//! The project's own sample data: seeded, streamed in flat memory, the same bytes on every machine. Opens no
//! file and no socket.

mod calendar;
pub mod purchases;
mod shop;
mod streaming;
mod table;
pub mod vouchers;

use std::io::{self, Read, Write};
use std::str::FromStr;

/// What a sample can be written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileFormat {
    Csv,
    Parquet,
}

impl FromStr for FileFormat {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "csv" => Ok(Self::Csv),
            "parquet" => Ok(Self::Parquet),
            _ => Err(format!("there is no file format `{name}` for samples; there are csv and parquet")),
        }
    }
}

/// One sample: a generator with its options read.
pub trait Sample: Send + Sync {
    /// How many rows it has.
    fn row_count(&self) -> u64;

    /// The sample as CSV with a header line, made while it is read.
    fn csv_reader(&self) -> Box<dyn Read + Send>;

    /// Writes the whole sample. `progress` hears now and then how many rows are written so far.
    fn write(
        &self,
        format: FileFormat,
        out: &mut (dyn Write + Send),
        progress: &mut dyn FnMut(u64),
    ) -> io::Result<()>;
}

/// The options in `rows=100000&seed=7`.
fn options(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query.split('&').filter(|part| !part.is_empty()).map(|part| part.split_once('=').unwrap_or((part, "")))
}

fn number(key: &str, value: &str) -> Result<u64, String> {
    value.parse().map_err(|_| format!("`{key}` takes a whole number from 0 up, not `{value}`"))
}

/// A kind of sample that can be asked for by name.
pub struct Generator {
    pub name: &'static str,
    /// The options it knows with their defaults, as a query.
    pub defaults: &'static str,
    open: fn(&str) -> Result<Box<dyn Sample>, String>,
}

/// All generators.
pub const GENERATORS: &[Generator] = &[
    Generator {
        name: "vouchers",
        defaults: "rows=100000&seed=7&edition=2018",
        open: |query| Ok(Box::new(vouchers::VoucherSample::from_query(query)?)),
    },
    Generator { name: "shop", defaults: "table=customer_info&scale=1&seed=7", open: shop::from_query },
    Generator {
        name: "purchases",
        defaults: "table=customers&rows=10000&seed=7",
        open: purchases::from_query,
    },
    Generator { name: "streaming", defaults: "table=customers&scale=1&seed=7", open: streaming::from_query },
];

/// The generator `name`. The error names those there are.
pub fn find(name: &str) -> Result<&'static Generator, String> {
    GENERATORS.iter().find(|generator| generator.name == name).ok_or_else(|| {
        let known: Vec<&str> = GENERATORS.iter().map(|generator| generator.name).collect();
        format!("there is no generator `{name}`; there are: {}", known.join(", "))
    })
}

impl Generator {
    /// A sample with the options of `query`, e.g. `rows=1000&seed=3`. The error names what is wrong in it.
    pub fn sample(&self, query: &str) -> Result<Box<dyn Sample>, String> {
        (self.open)(query)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_generator_opens_with_its_own_defaults() {
        for generator in GENERATORS {
            assert!(generator.sample(generator.defaults).is_ok(), "{}", generator.name);
        }
    }

    #[test]
    fn an_unknown_generator_is_answered_with_the_known_ones() {
        assert!(
            find("voucher")
                .err()
                .is_some_and(|message| message.contains("there are: vouchers, shop, purchases, streaming"))
        );
    }
}
