//! Runs at their hour while the service runs. A run that is under way when the next is due is not doubled; what
//! was missed, because nobody served or the machine slept, is made up once or left, as the profile says.

use std::sync::Arc;
use std::time::Duration;

use croner::Cron;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::pipeline::{Pipeline, Refused};

/// The clock may be set and machines sleep: never trust one long wait.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_secs(30);
/// Later than this, a run was missed.
const LATE: SignedDuration = SignedDuration::from_secs(120);
const PATIENCE: Patience = Patience {
    ask_again: Duration::from_secs(2),
    try_again: [
        Duration::from_secs(2),
        Duration::from_secs(10),
        Duration::from_secs(30),
        Duration::from_secs(60),
        Duration::from_secs(120),
    ],
};

/// With a database that is away for a while.
struct Patience {
    /// Between two questions of a history that does not answer.
    ask_again: Duration,
    /// Between the tries of a run that cannot begin.
    try_again: [Duration; 5],
}

/// What to do about a time at which nothing could be begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Missed {
    /// Run once as soon as it is noticed, however many times were missed.
    #[default]
    Run,
    /// Wait for the next time.
    Skip,
}

/// When runs are due.
#[derive(Debug, Clone)]
pub struct Schedule {
    cron: Cron,
    zone: TimeZone,
    missed: Missed,
}

impl Schedule {
    /// `cron` has five fields, or six with seconds first. The error says what is wrong with it.
    pub fn new(cron: &str, zone: TimeZone, missed: Missed) -> Result<Self, String> {
        let cron: Cron = cron.parse().map_err(|error: croner::errors::CronError| error.to_string())?;
        let schedule = Self { cron, zone, missed };
        match schedule.next_after(Timestamp::now()) {
            Some(_) => Ok(schedule),
            None => Err("it never comes".into()),
        }
    }

    /// In words, e.g. "At 06:00.", with its zone.
    pub fn describe(&self) -> String {
        let words = self.cron.describe();
        let zone = self.zone.iana_name().unwrap_or("UTC");
        format!("{} ({zone})", words.trim_end_matches('.'))
    }

    /// The first time after `now`.
    pub fn next_after(&self, now: Timestamp) -> Option<Timestamp> {
        let next = self.cron.find_next_occurrence(&now.to_zoned(self.zone.clone()), false);
        next.ok().map(|next| next.timestamp())
    }

    /// The last time up to `now`.
    fn last_before(&self, now: Timestamp) -> Option<Timestamp> {
        let last = self.cron.find_previous_occurrence(&now.to_zoned(self.zone.clone()), true);
        last.ok().map(|last| last.timestamp())
    }

    /// Whether a time has passed since the newest run began without one of its own. A project that never ran
    /// missed nothing.
    fn was_missed(&self, newest: Option<Timestamp>, now: Timestamp) -> bool {
        newest.zip(self.last_before(now)).is_some_and(|(newest, due)| newest < due)
    }
}

/// Begins runs when they are due, for as long as it is polled. `told` hears of each time at which no run was
/// begun, and why.
pub async fn keep(schedule: Schedule, pipeline: Arc<dyn Pipeline>, told: impl Fn(String)) {
    Keeper { pipeline, told, patience: PATIENCE }.keep(&schedule).await;
}

struct Keeper<F> {
    pipeline: Arc<dyn Pipeline>,
    told: F,
    patience: Patience,
}

impl<F: Fn(String)> Keeper<F> {
    async fn keep(&self, schedule: &Schedule) {
        if schedule.was_missed(self.newest().await, Timestamp::now()) {
            self.missed(schedule).await;
        }
        while let Some(due) = schedule.next_after(Timestamp::now()) {
            wait_until(due).await;
            if Timestamp::now().duration_since(due) > LATE {
                self.missed(schedule).await;
            } else {
                self.begin().await;
            }
        }
    }

    /// When the newest run began; `None` where there was none. Waits for as long as nobody can say: without it what
    /// was missed would be lost.
    async fn newest(&self) -> Option<Timestamp> {
        let mut is_told = false;
        loop {
            match self.pipeline.runs(1).await {
                Ok(runs) => return runs.first().map(|run| run.started_at),
                Err(error) if !is_told => {
                    tracing::warn!(error, "the schedule waits until the run history can be read");
                    is_told = true;
                }
                Err(_) => {}
            }
            tokio::time::sleep(self.patience.ask_again).await;
        }
    }

    async fn missed(&self, schedule: &Schedule) {
        match schedule.missed {
            Missed::Run => {
                tracing::warn!("a scheduled run was missed; it is made up now");
                self.begin().await;
            }
            Missed::Skip => (self.told)("a scheduled run was missed; the next one comes at its time".into()),
        }
    }

    /// What may pass by itself, as a server that restarts, is tried again for a few minutes.
    async fn begin(&self) {
        let mut pauses = self.patience.try_again.iter();
        loop {
            match self.pipeline.begin(None).await {
                // It goes on whether or not anybody waits for its end.
                Ok(begun) => return tracing::info!(run = begun.id, "a scheduled run has begun"),
                Err(Refused::Busy { id, since }) => {
                    return (self.told)(format!(
                        "the scheduled run was left out: run {id} is under way since {since}"
                    ));
                }
                Err(Refused::Failed(why)) => {
                    let Some(pause) = pauses.next() else {
                        return (self.told)(format!("the scheduled run could not begin: {why}"));
                    };
                    tracing::warn!(why, "the scheduled run could not begin; it is tried again in {pause:?}");
                    tokio::time::sleep(*pause).await;
                }
                Err(refused) => return (self.told)(format!("the scheduled run could not begin: {refused}")),
            }
        }
    }
}

async fn wait_until(due: Timestamp) {
    loop {
        let left = due.duration_since(Timestamp::now());
        if left <= SignedDuration::ZERO {
            return;
        }
        tokio::time::sleep(Duration::try_from(left.min(LONGEST_WAIT)).unwrap_or_default()).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::pipeline::{Answer, Begun, Figures, PlannedNode, RunRecord, Steps};

    fn schedule(cron: &str, zone: &str) -> Schedule {
        Schedule::new(cron, TimeZone::get(zone).unwrap(), Missed::Run).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_hour_is_that_of_the_zone_in_summer_and_winter() {
        let six = schedule("0 6 * * *", "Europe/Berlin");
        assert_eq!(six.next_after(at("2026-07-01T00:00:00Z")), Some(at("2026-07-01T04:00:00Z")));
        assert_eq!(six.next_after(at("2026-12-01T00:00:00Z")), Some(at("2026-12-01T05:00:00Z")));
        assert_eq!(six.next_after(at("2026-12-01T05:00:00Z")), Some(at("2026-12-02T05:00:00Z")));
        assert_eq!(six.describe(), "At 06:00 (Europe/Berlin)");
    }

    #[test]
    fn an_hour_that_a_day_has_not_is_not_left_out_and_one_that_it_has_twice_comes_once() {
        let half_past_two = schedule("30 2 * * *", "Europe/Berlin");
        // On 2026-03-29 clocks go from 2:00 to 3:00, on 2026-10-25 from 3:00 back to 2:00.
        let spring = half_past_two.next_after(at("2026-03-28T12:00:00Z")).unwrap();
        assert!(spring >= at("2026-03-29T01:00:00Z") && spring < at("2026-03-29T02:00:00Z"), "{spring}");
        let autumn = half_past_two.next_after(at("2026-10-24T12:00:00Z")).unwrap();
        assert_eq!(half_past_two.next_after(autumn), Some(at("2026-10-26T01:30:00Z")));
    }

    #[test]
    fn what_passed_since_the_newest_run_was_missed() {
        let six = schedule("0 6 * * *", "UTC");
        let now = at("2026-07-02T09:00:00Z");
        assert!(six.was_missed(Some(at("2026-07-01T06:00:01Z")), now));
        assert!(!six.was_missed(Some(at("2026-07-02T06:00:01Z")), now));
        assert!(!six.was_missed(None, now));
    }

    /// Answers, and lets runs begin, from the so-many-th time on.
    #[derive(Default)]
    struct Sick {
        asked: AtomicUsize,
        tried: AtomicUsize,
        well_after: usize,
    }

    impl Pipeline for Sick {
        fn begin(&self, _: Option<String>) -> Answer<Result<Begun, Refused>> {
            let is_well = self.tried.fetch_add(1, Ordering::Relaxed) >= self.well_after;
            let finished = Box::pin(std::future::pending());
            let begun =
                if is_well { Ok(Begun { id: 1, finished }) } else { Err(Refused::Failed("away".into())) };
            Box::pin(std::future::ready(begun))
        }

        fn runs(&self, _: i64) -> Answer<Result<Vec<RunRecord>, String>> {
            let is_well = self.asked.fetch_add(1, Ordering::Relaxed) >= self.well_after;
            // It began at the beginning of time: whatever was due since was missed.
            Box::pin(std::future::ready(if is_well {
                Ok(vec![RunRecord::lost(1, "")])
            } else {
                Err("away".into())
            }))
        }

        fn run(&self, _: i64) -> Answer<Result<Option<RunRecord>, String>> {
            unreachable!()
        }

        fn plan(&self, _: i64) -> Answer<Result<Vec<PlannedNode>, String>> {
            unreachable!()
        }

        fn steps(&self, _: i64) -> Option<Steps> {
            unreachable!()
        }

        fn watch(&self, _: i64) -> Steps {
            unreachable!()
        }

        fn figures(&self) -> Answer<Result<Figures, String>> {
            unreachable!()
        }
    }

    fn impatient<F: Fn(String)>(sick: &Arc<Sick>, told: F) -> Keeper<F> {
        let pause = Duration::from_millis(1);
        Keeper {
            pipeline: sick.clone(),
            told,
            patience: Patience { ask_again: pause, try_again: [pause; 5] },
        }
    }

    #[tokio::test]
    async fn a_run_that_was_missed_waits_for_a_database_that_is_away() {
        let sick = Arc::new(Sick { well_after: 4, ..Sick::default() });
        let yearly = schedule("0 0 1 1 *", "UTC");
        let told = Mutex::new(Vec::new());
        let keeper = impatient(&sick, |why| told.lock().unwrap().push(why));
        let until_it_began = async {
            while sick.tried.load(Ordering::Relaxed) < 5 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::select! {
            () = keeper.keep(&yearly) => panic!("it never ends"),
            () = until_it_began => {}
        }
        assert_eq!((sick.asked.load(Ordering::Relaxed), sick.tried.load(Ordering::Relaxed)), (5, 5));
        assert!(told.into_inner().unwrap().is_empty(), "it began in the end");
    }

    #[tokio::test]
    async fn a_run_that_can_never_begin_is_told_once() {
        let sick = Arc::new(Sick { well_after: usize::MAX, ..Sick::default() });
        let told = Mutex::new(Vec::new());
        impatient(&sick, |why| told.lock().unwrap().push(why)).begin().await;
        assert_eq!(sick.tried.load(Ordering::Relaxed), PATIENCE.try_again.len() + 1);
        assert_eq!(told.into_inner().unwrap(), ["the scheduled run could not begin: away"]);
    }

    #[test]
    fn what_is_no_cron_pattern_or_never_comes_is_refused() {
        for wrong in ["", "every day", "61 * * * *", "0 6 * *", "0 0 30 2 *"] {
            assert!(Schedule::new(wrong, TimeZone::UTC, Missed::Run).is_err(), "{wrong}");
        }
    }
}
