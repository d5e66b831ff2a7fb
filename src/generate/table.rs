//! A sample of several tables whose rows are each a function of seed, table and number: any table can be made
//! alone, of any size, and its keys still meet those of the others. CSV only; typed by whoever loads it.

use std::io::{self, Read, Write};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{FileFormat, Sample};

/// Rows that are made at once.
const STRETCH: u64 = 512;
/// Words of a row's own randomness: more than any row draws.
const WORDS: u128 = 64;

/// One table of a sample.
pub trait Table: Send + Sync + Copy + 'static {
    /// Its columns, as the header names them.
    fn columns(&self) -> &'static [&'static str];

    /// How many rows it has.
    fn rows(&self) -> u64;

    /// Its rows are made in so many steps; one row each where nothing else is said.
    fn steps(&self) -> u64 {
        self.rows()
    }

    /// Hands over the rows of step `number`, which counts from 0. The fields come empty, and may be used.
    fn step(&self, number: u64, fields: &mut [String], take: &mut Take<'_>) -> io::Result<()>;
}

/// Takes a row.
pub type Take<'a> = dyn FnMut(&[String]) -> io::Result<()> + 'a;

/// A table as a sample to be read or written.
pub struct TableSample<T>(pub T);

impl<T: Table> Sample for TableSample<T> {
    fn row_count(&self) -> u64 {
        self.0.rows()
    }

    fn csv_reader(&self) -> Box<dyn Read + Send> {
        Box::new(CsvReader::new(self.0))
    }

    fn write(
        &self,
        format: FileFormat,
        out: &mut (dyn Write + Send),
        progress: &mut dyn FnMut(u64),
    ) -> io::Result<()> {
        if format == FileFormat::Parquet {
            return Err(io::Error::other("this sample is written as CSV only; say --format csv"));
        }
        let mut reader = CsvReader::new(self.0);
        while reader.fill()? {
            out.write_all(&reader.buffer)?;
            progress(reader.written);
        }
        Ok(())
    }
}

struct CsvReader<T> {
    table: T,
    fields: Vec<String>,
    /// Steps.
    made: u64,
    /// Rows.
    written: u64,
    begun: bool,
    buffer: Vec<u8>,
    taken: usize,
}

impl<T: Table> CsvReader<T> {
    fn new(table: T) -> Self {
        let fields = vec![String::new(); table.columns().len()];
        Self { table, fields, made: 0, written: 0, begun: false, buffer: Vec::new(), taken: 0 }
    }

    /// The next stretch; false after the last.
    fn fill(&mut self) -> io::Result<bool> {
        self.buffer.clear();
        self.taken = 0;
        if self.begun && self.made == self.table.steps() {
            return Ok(false);
        }
        let mut writer = csv::Writer::from_writer(&mut self.buffer);
        if !self.begun {
            writer.write_record(self.table.columns())?;
            self.begun = true;
        }
        let end = self.table.steps().min(self.made + STRETCH);
        for number in self.made..end {
            self.fields.iter_mut().for_each(String::clear);
            self.table.step(number, &mut self.fields, &mut |row| {
                self.written += 1;
                Ok(writer.write_record(row)?)
            })?;
        }
        self.made = end;
        writer.flush()?;
        Ok(true)
    }
}

impl<T: Table> Read for CsvReader<T> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.buffer.len() && !self.fill()? {
            return Ok(0);
        }
        let read = (&self.buffer[self.taken..]).read(into)?;
        self.taken += read;
        Ok(read)
    }
}

/// The chance of one row. Integers only: the same on every machine.
pub struct Chance(ChaCha8Rng);

impl Chance {
    /// `table` tells the tables of a seed apart.
    pub fn of(seed: u64, table: u64, row: u64) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        let mut chance = ChaCha8Rng::from_seed(key);
        chance.set_stream(table);
        chance.set_word_pos(u128::from(row) * WORDS);
        Self(chance)
    }

    /// 0 up to `end`, without it; 0 where there is nothing to choose from.
    pub fn below(&mut self, end: u64) -> u64 {
        // The bias of a remainder is of no matter at 64 bits.
        if end == 0 { 0 } else { self.0.next_u64() % end }
    }

    /// Like `below`, but small numbers more often: the least of several.
    pub fn low(&mut self, of: u32, end: u64) -> u64 {
        (0..of).map(|_| self.below(end)).min().unwrap_or(0)
    }

    /// A number of a range with both its ends.
    pub fn between(&mut self, (from, to): (u64, u64)) -> u64 {
        from + self.below(to - from + 1)
    }

    /// True for `share` of 1,000.
    pub fn permille(&mut self, share: u64) -> bool {
        self.below(1000) < share
    }

    pub fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }

    /// The place of one of the weights.
    pub fn weighted(&mut self, weights: &[u64]) -> usize {
        let mut left = self.below(weights.iter().sum());
        for (place, weight) in weights.iter().enumerate() {
            if left < *weight {
                return place;
            }
            left -= weight;
        }
        0
    }
}

/// A number from 1 to `all` for each `rank` below it, so that neighbours in rank are none in number. `salt`
/// makes another order.
pub fn shuffled(rank: u64, all: u64, salt: u64) -> u64 {
    const PRIMES: [u64; 4] = [2_147_483_647, 2_147_483_629, 2_147_483_587, 2_147_483_579];
    // A prime larger than any size divides none of them, so no number comes twice.
    (rank % all) * (PRIMES[salt as usize % PRIMES.len()] % all.max(1)).max(1) % all + 1
}

/// Euros and cents.
pub fn push_money(text: &mut String, cents: u64) {
    use std::fmt::Write;
    // Writing into a String does not fail.
    let _ = write!(text, "{}.{:02}", cents / 100, cents % 100);
}
