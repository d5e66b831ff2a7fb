//! Where log lines go: to standard error. Lines of the access log may wait a moment for each other, for a
//! system call for each is a good part of a lookup's time; each thread gathers its own, so that none waits for
//! another. Any other line goes out at once, behind all that wait.

mod access;

use std::cell::RefCell;
use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, Thread};
use std::time::Duration;

use tracing::Metadata;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::service::{ACCESS_LOG, AccessEvents, AccessLog};
use access::Lines;

/// How long a line may wait.
const WAIT: Duration = Duration::from_millis(50);
/// From here on nothing waits. Unit: bytes.
const FULL: usize = 1 << 20;
/// From here on a thread writes its own lines if nobody writes just then. They are still in its cache: as many as
/// come in `WAIT` took several times as long to write, and so did writing to memory that they pushed out.
const MANY: usize = 32 << 10;

/// Starts logging. `ELT_LOG` says what is logged, in tracing's words; warnings where it says nothing.
pub fn start(json: bool) -> Log {
    let filter = EnvFilter::try_from_env("ELT_LOG").unwrap_or_else(|_| EnvFilter::new("warn,elt=info"));
    let log = Log::default();
    let colours =
        std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|it| it.is_empty());
    let subscriber =
        tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours).with_writer(log.clone());
    // A second subscriber would mean that main ran twice; then the first one serves.
    let _ = if json { subscriber.json().try_init() } else { subscriber.with_target(false).try_init() };
    let is_plain = !json && !colours && tracing::enabled!(target: ACCESS_LOG, tracing::Level::INFO);
    let _ = log.0.is_plain.set(is_plain);
    log
}

/// Whoever ends the process calls [`Log::flush`] before.
#[derive(Clone, Default)]
pub struct Log(Arc<Waiting>);

#[derive(Default)]
struct Waiting {
    /// One of each thread that ever had a line that may wait.
    lots: Mutex<Vec<Arc<Lot>>>,
    /// Some lot may not be empty, and the writer knows.
    any: AtomicBool,
    /// `None` where no thread could be had.
    writer: OnceLock<Option<Thread>>,
    /// Lines of the access log are wanted, and as plain text.
    is_plain: OnceLock<bool>,
    /// Held by who writes, with room to take a lot into; nobody who logs waits for that.
    out: Mutex<Vec<u8>>,
}

/// Whole lines.
type Lot = Mutex<Vec<u8>>;

thread_local! {
    /// This thread's lot, and in which log.
    static OWN: RefCell<Option<(Log, Arc<Lot>)>> = const { RefCell::new(None) };
}

impl Log {
    /// Takes the lines of a service's access log.
    pub fn access_log(&self) -> Arc<dyn AccessLog> {
        let is_plain = self.0.is_plain.get().copied().unwrap_or_default();
        if is_plain { Arc::new(Lines(self.clone())) } else { Arc::new(AccessEvents) }
    }

    pub fn flush(&self) {
        self.write_lots(&mut locked(&self.0.out));
    }

    fn write_lots(&self, room: &mut Vec<u8>) {
        // Before the lots are taken: who finds this unset has a line that was not.
        self.0.any.store(false, Ordering::SeqCst);
        for lot in locked(&self.0.lots).iter() {
            std::mem::swap(room, &mut *locked(lot));
            print(room);
            room.clear();
        }
    }

    fn put_at_once(&self, line: &[u8]) {
        let mut room = locked(&self.0.out);
        self.write_lots(&mut room);
        print(line);
    }

    /// `write` appends a line, which may wait.
    fn put(&self, write: impl FnOnce(&mut Vec<u8>)) {
        let full = self.with_own_lot(|lot| {
            let mut lot = locked(lot);
            write(&mut lot);
            if lot.len() > MANY
                && let Ok(_alone) = self.0.out.try_lock()
            {
                print(&lot);
                lot.clear();
            }
            lot.len() > FULL
        });
        if full {
            self.flush();
        } else if !self.0.any.load(Ordering::SeqCst) && !self.0.any.swap(true, Ordering::SeqCst) {
            match self.writer() {
                Some(writer) => writer.unpark(),
                None => self.flush(),
            }
        }
    }

    fn with_own_lot<T>(&self, then: impl FnOnce(&Lot) -> T) -> T {
        OWN.with_borrow_mut(|own| match own {
            Some((log, lot)) if Arc::ptr_eq(&log.0, &self.0) => then(lot),
            _ => {
                let lot = Arc::<Lot>::default();
                locked(&self.0.lots).push(lot.clone());
                then(&own.insert((self.clone(), lot)).1)
            }
        })
    }

    /// The thread that writes is made for the first line that may wait: most commands never have one.
    fn writer(&self) -> Option<&Thread> {
        let made = self.0.writer.get_or_init(|| {
            let log = self.clone();
            let made = thread::Builder::new().name("log".to_owned()).spawn(move || log.write_for_ever());
            made.ok().map(|handle| handle.thread().clone())
        });
        made.as_ref()
    }

    fn write_for_ever(&self) {
        loop {
            while !self.0.any.load(Ordering::SeqCst) {
                thread::park();
            }
            thread::sleep(WAIT);
            self.flush();
        }
    }
}

/// Bytes are appended and taken whole; a panic elsewhere leaves nothing half done.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn print(bytes: &[u8]) {
    // There is nowhere to tell that standard error is gone.
    let _ = std::io::stderr().write_all(bytes);
}

/// One event's way into the log.
pub struct Line<'a> {
    log: &'a Log,
    may_wait: bool,
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line { log: self, may_wait: false }
    }

    fn make_writer_for(&'a self, event: &Metadata<'_>) -> Line<'a> {
        Line { log: self, may_wait: event.target() == ACCESS_LOG }
    }
}

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.may_wait {
            self.log.put(|lot| lot.extend_from_slice(bytes));
        } else {
            self.log.put_at_once(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.log.flush();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What waits after some lines.
    fn waiting(lines: impl FnOnce()) -> String {
        let log = Log::default();
        // As if the writer knew, so that the lines stay.
        log.0.any.store(true, Ordering::SeqCst);
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(log.clone());
        tracing::subscriber::with_default(subscriber.finish(), lines);
        let lots: Vec<_> = locked(&log.0.lots).iter().map(|lot| locked(lot).clone()).collect();
        String::from_utf8(lots.concat()).unwrap()
    }

    #[test]
    fn a_line_of_the_access_log_waits() {
        let line = waiting(|| tracing::info!(target: ACCESS_LOG, "answered"));
        assert!(line.contains("answered"), "{line}");
    }

    #[test]
    fn any_other_line_takes_with_it_what_waits() {
        let left = waiting(|| {
            tracing::info!(target: ACCESS_LOG, "answered");
            tracing::warn!("(a line of a test)");
        });
        assert_eq!(left, "");
    }
}
