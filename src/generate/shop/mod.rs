//! A shop's seven tables: customers, what they bought, asked, answered and looked at. With the shapes of a
//! shop: seasons, heavy and light buyers, people who never bought, never called, never visited.

pub(super) mod facts;
mod rows;

use std::io;

use super::table::{Table, TableSample, Take};
use super::{Sample, number, options};

/// The tables, in the order of their keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Customers,
    Products,
    Purchases,
    Contacts,
    Campaigns,
    Responses,
    Sessions,
}

const KINDS: [(Kind, &str, u64); 7] = [
    (Kind::Customers, "customer_info", 1_000),
    (Kind::Products, "product_catalog", 100),
    (Kind::Purchases, "purchase_transactions", 5_000),
    (Kind::Contacts, "customer_service", 2_000),
    (Kind::Campaigns, "marketing_campaigns", 20),
    (Kind::Responses, "campaign_responses", 10_000),
    (Kind::Sessions, "website_behavior", 20_000),
];

/// One table of a shop `scale` times the usual size.
#[derive(Debug, Clone, Copy)]
pub struct ShopTable {
    kind: Kind,
    scale: u64,
    seed: u64,
}

/// From `table=customer_info&scale=1&seed=7`. The error names the key.
pub fn from_query(query: &str) -> Result<Box<dyn Sample>, String> {
    let mut table = ShopTable { kind: Kind::Customers, scale: 1, seed: 7 };
    for (key, value) in options(query) {
        match key {
            "table" => table.kind = kind(value)?,
            "scale" => table.scale = number(key, value)?,
            "seed" => table.seed = number(key, value)?,
            _ => return Err(format!("the shop knows no `{key}`; it knows table, scale, seed")),
        }
    }
    if !(1..=100_000).contains(&table.scale) {
        return Err(format!("`scale` is from 1 to 100000, not {}", table.scale));
    }
    Ok(Box::new(TableSample(table)))
}

fn kind(name: &str) -> Result<Kind, String> {
    KINDS.iter().find(|(_, known, _)| *known == name).map(|(kind, _, _)| *kind).ok_or_else(|| {
        let names: Vec<&str> = KINDS.iter().map(|(_, name, _)| *name).collect();
        format!("the shop has no table `{name}`; it has {}", names.join(", "))
    })
}

impl ShopTable {
    /// Rows of a table of this shop.
    fn rows_of(&self, kind: Kind) -> u64 {
        let usual = KINDS.iter().find(|(known, _, _)| *known == kind).map_or(0, |(_, _, rows)| *rows);
        // A shop ten times as large has the same shelves and campaigns, only more of everything else.
        match kind {
            Kind::Products | Kind::Campaigns => usual,
            _ => usual * self.scale,
        }
    }
}

impl Table for ShopTable {
    fn columns(&self) -> &'static [&'static str] {
        rows::columns(self.kind)
    }

    fn rows(&self) -> u64 {
        self.rows_of(self.kind)
    }

    fn step(&self, number: u64, fields: &mut [String], take: &mut Take<'_>) -> io::Result<()> {
        rows::fill(self, number, fields);
        take(fields)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::io::Read;

    use super::*;

    fn table(name: &str, scale: u64) -> Vec<csv::StringRecord> {
        let sample = from_query(&format!("table={name}&scale={scale}")).unwrap();
        let mut text = String::new();
        sample.csv_reader().read_to_string(&mut text).unwrap();
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        reader.records().map(Result::unwrap).collect()
    }

    fn keys(records: &[csv::StringRecord], column: usize) -> HashSet<u64> {
        records.iter().filter_map(|record| record[column].parse().ok()).collect()
    }

    #[test]
    fn keys_meet_and_some_people_never_bought_called_or_came() {
        for scale in [1, 3] {
            let customers = keys(&table("customer_info", scale), 0);
            assert_eq!(customers.len() as u64, 1_000 * scale);
            let products = keys(&table("product_catalog", scale), 0);
            let purchases = table("purchase_transactions", scale);
            assert!(keys(&purchases, 2).is_subset(&products));
            for (name, column) in [
                ("purchase_transactions", 1),
                ("customer_service", 1),
                ("campaign_responses", 2),
                ("website_behavior", 1),
            ] {
                let known = keys(&table(name, scale), column);
                assert!(known.is_subset(&customers), "{name}");
                let never = customers.len() - known.len();
                assert!(never * 50 > customers.len(), "{name}: only {never} never");
            }
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes_and_another_gives_others() {
        let read = |query: &str| {
            let mut text = String::new();
            from_query(query).unwrap().csv_reader().read_to_string(&mut text).unwrap();
            text
        };
        let query = "table=purchase_transactions&seed=3";
        assert_eq!(read(query), read(query));
        assert_ne!(read(query), read("table=purchase_transactions&seed=4"));
        // The first rows of a larger shop's catalogue are the same products.
        assert_eq!(read("table=product_catalog"), read("table=product_catalog&scale=5"));
    }

    #[test]
    fn what_is_asked_wrongly_is_named() {
        for (query, told) in [
            ("table=customers", "it has customer_info"),
            ("scale=0", "from 1 to"),
            ("scale=many", "`scale` takes"),
            ("rows=5", "knows no `rows`"),
        ] {
            assert!(from_query(query).err().is_some_and(|error| error.contains(told)), "{query}");
        }
    }
}
