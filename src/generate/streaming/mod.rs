//! A streaming service's tables: plans, films, customers, what they watched, the names of segments, and what its
//! application writes of A/B tests. Some customers watch every day, and some never came back.

mod campaigns;
mod facts;
mod rows;

use std::io;

use super::table::{Table, TableSample, Take};
use super::{Sample, number, options};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Subscriptions,
    Movies,
    Customers,
    Engagements,
    Segments,
    AbTests,
    Experiments,
    AbTestResults,
}

const KINDS: [(Kind, &str); 8] = [
    (Kind::Subscriptions, "subscriptions"),
    (Kind::Movies, "movies"),
    (Kind::Customers, "customers"),
    (Kind::Engagements, "engagements"),
    (Kind::Segments, "segments"),
    (Kind::AbTests, "ab_tests"),
    (Kind::Experiments, "experiments"),
    (Kind::AbTestResults, "ab_test_results"),
];

/// Of a service of the usual size.
const CUSTOMERS: u64 = 2_000;
const ENGAGEMENTS: u64 = 10_000;

#[derive(Debug, Clone, Copy)]
struct StreamingTable {
    kind: Kind,
    scale: u64,
    seed: u64,
}

/// From `table=customers&scale=1&seed=7`. The error names the key.
pub fn from_query(query: &str) -> Result<Box<dyn Sample>, String> {
    let mut table = StreamingTable { kind: Kind::Customers, scale: 1, seed: 7 };
    for (key, value) in options(query) {
        match key {
            "table" => table.kind = kind(value)?,
            "scale" => table.scale = number(key, value)?,
            "seed" => table.seed = number(key, value)?,
            _ => return Err(format!("the streaming service knows no `{key}`; it knows table, scale, seed")),
        }
    }
    if !(1..=100_000).contains(&table.scale) {
        return Err(format!("`scale` is from 1 to 100000, not {}", table.scale));
    }
    Ok(Box::new(TableSample(table)))
}

fn kind(name: &str) -> Result<Kind, String> {
    KINDS.iter().find(|(_, known)| *known == name).map(|(kind, _)| *kind).ok_or_else(|| {
        let names: Vec<&str> = KINDS.iter().map(|(_, name)| *name).collect();
        format!("the streaming service has no table `{name}`; it has {}", names.join(", "))
    })
}

impl StreamingTable {
    fn customers(&self) -> u64 {
        CUSTOMERS * self.scale
    }
}

impl Table for StreamingTable {
    fn columns(&self) -> &'static [&'static str] {
        rows::columns(self.kind)
    }

    fn rows(&self) -> u64 {
        match self.kind {
            Kind::Subscriptions => facts::PLANS.len() as u64,
            Kind::Movies => facts::FILMS.len() as u64,
            Kind::Customers => self.customers(),
            Kind::Engagements => ENGAGEMENTS * self.scale,
            Kind::Segments => facts::SEGMENTS.len() as u64,
            Kind::AbTests => 2 * campaigns::TESTS.len() as u64,
            Kind::Experiments => self.experiments(),
            Kind::AbTestResults => campaigns::results(self),
        }
    }

    fn steps(&self) -> u64 {
        if self.kind == Kind::AbTestResults { self.experiments() } else { self.rows() }
    }

    fn step(&self, number: u64, fields: &mut [String], take: &mut Take<'_>) -> io::Result<()> {
        if rows::fill(self, number, fields) { take(fields) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};
    use std::io::Read;

    use super::*;

    fn table(query: &str) -> Vec<csv::StringRecord> {
        let mut text = String::new();
        from_query(query).unwrap().csv_reader().read_to_string(&mut text).unwrap();
        csv::Reader::from_reader(text.as_bytes()).records().map(Result::unwrap).collect()
    }

    #[test]
    fn keys_meet_and_what_was_watched_is_possible() {
        let customers = table("table=customers&scale=2");
        let emails: HashSet<&str> = customers.iter().map(|row| &row[2]).collect();
        assert_eq!((customers.len(), emails.len()), (4_000, 4_000));
        assert!(
            customers.iter().all(|row| row[5] <= row[6] && (1..=4).contains(&row[3].parse::<u8>().unwrap()))
        );
        let minutes: HashMap<String, u64> =
            table("table=movies").iter().map(|row| (row[0].to_owned(), row[3].parse().unwrap())).collect();
        let joined: HashMap<&str, &str> = customers.iter().map(|row| (&row[0], &row[5])).collect();
        let engagements = table("table=engagements&scale=2");
        assert_eq!(engagements.len(), 20_000);
        for row in &engagements {
            let (watched, whole) = (row[4].parse::<u64>().unwrap(), minutes[&row[2]]);
            assert!(watched >= 1 && watched <= whole, "{row:?}");
            assert_eq!(&row[5] == "true", watched == whole, "{row:?}");
            assert!(row[3] >= joined[&row[1]][..10], "{row:?}");
            assert!(["Liked", "Disliked", "No Action"].contains(&&row[6]), "{row:?}");
        }
        let active: HashSet<&str> = engagements.iter().map(|row| &row[1]).collect();
        assert!((3_000..3_900).contains(&active.len()), "some never watched: {}", active.len());
        assert_eq!(table("table=subscriptions").len(), 4);
        assert_eq!(table("table=segments").len(), 4);
    }

    #[test]
    fn halves_of_a_test_are_equal_and_who_clicked_was_written_to() {
        let customers: HashSet<String> =
            table("table=customers").iter().map(|row| row[0].to_owned()).collect();
        let tests = table("table=ab_tests");
        assert_eq!(tests.len(), 12);
        assert!(tests.iter().all(|row| row[4].contains("{name}")
            && row[3] == *["A", "B"][(row[0].parse::<usize>().unwrap() + 1) % 2]));
        let experiments = table("table=experiments");
        let asked: HashSet<&str> = experiments.iter().map(|row| &row[2]).collect();
        assert_eq!((experiments.len(), asked.len()), (1_200, 1_200), "nobody is in two tests");
        assert!(asked.iter().all(|customer| customers.contains(*customer)));
        let tokens: HashSet<&str> = experiments.iter().map(|row| &row[6]).collect();
        assert_eq!(tokens.len(), 1_200);
        for test in &tests {
            assert_eq!(experiments.iter().filter(|row| row[1] == test[0]).count(), 100, "{test:?}");
        }
        let failed = experiments.iter().filter(|row| &row[4] == "failed" && row[5].is_empty()).count();
        assert!((5..40).contains(&failed), "{failed}");

        let sent: HashMap<&str, &csv::StringRecord> =
            experiments.iter().filter(|row| &row[4] == "sent").map(|row| (&row[0], row)).collect();
        let results = table("table=ab_test_results");
        assert_eq!(results.len() as u64, from_query("table=ab_test_results").unwrap().row_count());
        assert!((100..300).contains(&results.len()), "{}", results.len());
        for row in &results {
            let mail = sent[&row[1]];
            assert_eq!((&row[2], &row[3]), (&mail[1], &mail[2]));
            assert!(row[4] > mail[5], "{row:?}");
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_rows_and_another_gives_others() {
        let one = table("table=engagements&seed=3");
        assert_eq!(one, table("table=engagements&seed=3"));
        assert_ne!(one, table("table=engagements&seed=4"));
    }

    #[test]
    fn what_is_asked_wrongly_is_named() {
        for (query, told) in [
            ("table=plans", "it has subscriptions, movies"),
            ("scale=0", "from 1 to"),
            ("seed=x", "`seed` takes"),
            ("rows=5", "knows no `rows`"),
        ] {
            assert!(from_query(query).err().is_some_and(|error| error.contains(told)), "{query}");
        }
    }
}
