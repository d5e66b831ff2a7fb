//! Customers for clustering and what they bought, with the defects of a real extract: missing ages, rows that
//! come twice, dates in two spellings, amounts and stores that nobody wrote down. What a mobile bought hangs on
//! seed and mobile alone, so an API can answer for any mobile, and a file holds the same.

mod history;
mod people;

use std::io;

use super::table::{Table, TableSample, Take};
use super::{Sample, number, options};
pub use history::{Purchase, history};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Customers,
    PurchaseHistory,
}

const KINDS: [(Kind, &str); 2] =
    [(Kind::Customers, "customers"), (Kind::PurchaseHistory, "purchase_history")];

#[derive(Debug, Clone, Copy)]
struct PurchaseTable {
    kind: Kind,
    /// Rows of customers, of whom some come twice.
    customers: u64,
    seed: u64,
}

/// From `table=customers&rows=10000&seed=7`. The error names the key.
pub fn from_query(query: &str) -> Result<Box<dyn Sample>, String> {
    let mut table = PurchaseTable { kind: Kind::Customers, customers: 10_000, seed: 7 };
    for (key, value) in options(query) {
        match key {
            "table" => table.kind = kind(value)?,
            "rows" => table.customers = number(key, value)?,
            "seed" => table.seed = number(key, value)?,
            _ => return Err(format!("the purchases know no `{key}`; they know table, rows, seed")),
        }
    }
    if !(1..=1_000_000_000).contains(&table.customers) {
        return Err(format!("`rows` is from 1 to 1000000000, not {}", table.customers));
    }
    Ok(Box::new(TableSample(table)))
}

fn kind(name: &str) -> Result<Kind, String> {
    KINDS.iter().find(|(_, known)| *known == name).map(|(kind, _)| *kind).ok_or_else(|| {
        let names: Vec<&str> = KINDS.iter().map(|(_, name)| *name).collect();
        format!("the purchases have no table `{name}`; they have {}", names.join(", "))
    })
}

impl Table for PurchaseTable {
    fn columns(&self) -> &'static [&'static str] {
        match self.kind {
            Kind::Customers => &people::COLUMNS,
            Kind::PurchaseHistory => &history::COLUMNS,
        }
    }

    fn rows(&self) -> u64 {
        match self.kind {
            Kind::Customers => self.customers,
            Kind::PurchaseHistory => (0..self.customers).map(|number| self.bought(number)).sum(),
        }
    }

    fn steps(&self) -> u64 {
        self.customers
    }

    fn step(&self, number: u64, fields: &mut [String], take: &mut Take<'_>) -> io::Result<()> {
        match self.kind {
            Kind::Customers => {
                people::fill(self.seed, number, fields);
                take(fields)
            }
            Kind::PurchaseHistory if people::is_first(self.seed, number) => {
                let mobile = people::mobile(self.seed, number);
                for purchase in history(self.seed, &mobile) {
                    fields.iter_mut().for_each(String::clear);
                    purchase.fill(&mobile, fields);
                    take(fields)?;
                }
                Ok(())
            }
            Kind::PurchaseHistory => Ok(()),
        }
    }
}

impl PurchaseTable {
    /// How many rows of history the customer at `number` has; none where the row is another's again.
    fn bought(&self, number: u64) -> u64 {
        if !people::is_first(self.seed, number) {
            return 0;
        }
        history(self.seed, &people::mobile(self.seed, number)).len() as u64
    }
}

#[cfg(test)]
mod tests;
