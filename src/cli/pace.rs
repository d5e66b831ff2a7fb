//! How a load gets on, in words: how much of it, how fast, how much longer.

use std::time::{Duration, Instant};

use super::terminal::{duration, thousands};

/// Shorter times say nothing of a rate.
const TELLING: Duration = Duration::from_millis(500);

/// A load under way: first it downloads, then it copies, and each has a pace of its own.
#[derive(Debug, Clone, Default)]
pub struct Pace {
    /// When and from where the rate counts.
    begun: Option<(Instant, u64)>,
    bytes: u64,
    total: Option<u64>,
    rows: Option<u64>,
}

impl Pace {
    pub fn advance(&mut self, now: Instant, bytes: u64, total: Option<u64>, rows: Option<u64>) {
        // What an earlier load left, and what was downloaded before copying began, took no time of this.
        if self.begun.is_none() || bytes < self.bytes || rows.is_some() != self.rows.is_some() {
            self.begun = Some((now, bytes));
        }
        (self.bytes, self.total, self.rows) = (bytes, total.filter(|total| *total > 0), rows);
    }

    /// `42% of 286 MB, 4.74 s left, 35 MB/s, 1,200,000 rows`.
    pub fn whole(&self, now: Instant) -> String {
        let mut parts = vec![match self.total {
            Some(total) => format!("{}% of {}", self.percent(total), size(total)),
            None => size(self.bytes),
        }];
        // A narrow terminal cuts off what comes last.
        parts.extend(self.left(now));
        parts.extend(self.rate(now).map(|rate| format!("{}/s", size(rate))));
        parts.extend(self.rows.map(|rows| format!("{} rows", thousands(rows.cast_signed()))));
        parts.join(", ")
    }

    /// `42%, 4.74 s left`.
    pub fn short(&self, now: Instant) -> String {
        let part = self.total.map_or_else(|| size(self.bytes), |total| format!("{}%", self.percent(total)));
        [Some(part), self.left(now)].into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    fn percent(&self, total: u64) -> u64 {
        (u128::from(self.bytes) * 100 / u128::from(total.max(1))).min(100) as u64
    }

    /// Bytes a second.
    fn rate(&self, now: Instant) -> Option<u64> {
        let (begun, from) = self.begun?;
        let passed = now.saturating_duration_since(begun);
        let rate = (self.bytes - from) as f64 / passed.as_secs_f64();
        (passed >= TELLING && rate >= 1.0).then_some(rate as u64)
    }

    fn left(&self, now: Instant) -> Option<String> {
        let (total, rate) = (self.total?, self.rate(now)?);
        let milliseconds = u128::from(total.saturating_sub(self.bytes)) * 1000 / u128::from(rate);
        Some(format!("{} left", duration(i64::try_from(milliseconds).ok()?)))
    }
}

/// `512 B`, `35 MB`, `1.2 GB`.
fn size(bytes: u64) -> String {
    let units = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    match units.into_iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) if bytes < 10 * unit => format!("{:.1} {name}", bytes as f64 / unit as f64),
        Some((unit, name)) => format!("{} {name}", bytes / unit),
        None => format!("{bytes} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_tells_how_much_how_fast_and_how_much_longer() {
        let begun = Instant::now();
        let after = |seconds: u64| begun + Duration::from_secs(seconds);
        let mut pace = Pace::default();
        pace.advance(begun, 0, Some(286_000_000), None);
        assert_eq!(pace.whole(begun), "0% of 286 MB");
        pace.advance(after(2), 70_000_000, Some(286_000_000), None);
        assert_eq!(pace.whole(after(2)), "24% of 286 MB, 6.17 s left, 35 MB/s");
        // Copying begins anew, at its own pace.
        pace.advance(after(10), 0, Some(286_000_000), Some(0));
        pace.advance(after(11), 143_000_000, Some(286_000_000), Some(1_200_000));
        assert_eq!(pace.whole(after(11)), "50% of 286 MB, 1.00 s left, 143 MB/s, 1,200,000 rows");
        assert_eq!(pace.short(after(11)), "50%, 1.00 s left");
    }

    #[test]
    fn what_was_left_by_an_earlier_load_is_no_speed() {
        let begun = Instant::now();
        let mut pace = Pace::default();
        pace.advance(begun, 30_000_000, Some(60_000_000), None);
        pace.advance(begun + Duration::from_secs(1), 31_000_000, Some(60_000_000), None);
        assert_eq!(pace.whole(begun + Duration::from_secs(1)), "51% of 60 MB, 29.0 s left, 1.0 MB/s");
    }

    #[test]
    fn without_a_total_nothing_is_promised() {
        let begun = Instant::now();
        let mut pace = Pace::default();
        pace.advance(begun, 512, None, Some(3));
        assert_eq!(pace.whole(begun), "512 B, 3 rows");
        pace.advance(begun + Duration::from_secs(1), 2_000, Some(0), Some(3));
        assert_eq!(pace.short(begun + Duration::from_secs(1)), "2.0 kB");
        // A file that grows under way is not more than whole.
        pace.advance(begun + Duration::from_secs(2), 5_000, Some(4_000), Some(3));
        assert_eq!(pace.short(begun + Duration::from_secs(2)), "100%, 0.00 s left");
    }
}
