//! Where log lines go: to standard error. Lines of the access log may wait a moment for each other, for a
//! system call for each is a good part of a lookup's time; each thread gathers its own, so that none waits for
//! another. Any other line goes out at once, behind all that wait.

use std::cell::RefCell;
use std::fmt;
use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, Thread};
use std::time::Duration;

use jiff::Timestamp;
use tracing::field::{Field, Visit};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::{DefaultFields, Format, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, MakeWriter};
use tracing_subscriber::registry::LookupSpan;

/// How long a line may wait.
const WAIT: Duration = Duration::from_millis(50);
/// From here on nothing waits. Unit: bytes.
const FULL: usize = 1 << 20;
const ACCESS: &str = "elt::access";

/// Starts logging. `ELT_LOG` says what is logged, in tracing's words; warnings where it says nothing.
pub fn start(json: bool) -> Log {
    let filter = EnvFilter::try_from_env("ELT_LOG").unwrap_or_else(|_| EnvFilter::new("warn,elt=info"));
    let log = Log::default();
    let colours =
        std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|it| it.is_empty());
    let subscriber =
        tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours).with_writer(log.clone());
    // A second subscriber would mean that main ran twice; then the first one serves.
    let _ = if json {
        subscriber.json().try_init()
    } else {
        let lines = Lines { other: Format::default().with_target(false).with_ansi(colours) };
        subscriber.event_format(lines).try_init()
    };
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

    fn put(&self, line: &[u8]) {
        let full = self.with_own_lot(|lot| {
            let mut lot = locked(lot);
            lot.extend_from_slice(line);
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
        Line { log: self, may_wait: event.target() == ACCESS }
    }
}

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.may_wait {
            self.log.put(bytes);
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

/// tracing's own lines, and those of the access log in the same form by a shorter way.
struct Lines {
    other: Format,
}

impl<S> FormatEvent<S, DefaultFields> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, DefaultFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        if event.metadata().target() != ACCESS || writer.has_ansi_escapes() {
            return self.other.format_event(context, writer, event);
        }
        LINE.with_borrow_mut(|line| {
            line.clear();
            put_now(line);
            line.push_str("  ");
            line.push_str(event.metadata().level().as_str());
            event.record(&mut Fields(line));
            line.push('\n');
            writer.write_str(line)
        })
    }
}

thread_local! {
    /// Put together here and handed on as a whole: each piece through tracing's writer took as long again.
    static LINE: RefCell<String> = const { RefCell::new(String::new()) };
    static SECOND: RefCell<(i64, String)> = const { RefCell::new((i64::MIN, String::new())) };
}

/// To the microsecond. The calendar is asked once a second.
fn put_now(line: &mut String) {
    let now = Timestamp::now();
    SECOND.with_borrow_mut(|(second, text)| {
        if *second != now.as_second() {
            *second = now.as_second();
            *text = now.strftime("%Y-%m-%dT%H:%M:%S.").to_string();
        }
        line.push_str(text);
    });
    line.push_str(&itoa::Buffer::new().format(1_000_000 + now.subsec_microsecond())[1..]);
    line.push('Z');
}

/// Written piece by piece: formatting by `format_args!` took twice as long.
struct Fields<'a>(&'a mut String);

impl Fields<'_> {
    fn put_name(&mut self, field: &Field) {
        self.0.push(' ');
        if field.name() != "message" {
            self.0.push_str(field.name());
            self.0.push('=');
        }
    }
}

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put_name(field);
        // Writing to a String cannot fail.
        let _ = fmt::Write::write_fmt(self.0, format_args!("{value:?}"));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put_name(field);
        self.0.push_str(itoa::Buffer::new().format(value));
    }

    /// Quoted; escaped where it holds what could look like another line or field.
    fn record_str(&mut self, field: &Field, value: &str) {
        let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
        if !value.bytes().all(is_plain) {
            return self.record_debug(field, &value);
        }
        self.put_name(field);
        self.0.push('"');
        self.0.push_str(value);
        self.0.push('"');
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
        let form = Lines { other: Format::default().with_target(false).with_ansi(false) };
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(log.clone());
        tracing::subscriber::with_default(subscriber.event_format(form).finish(), lines);
        let lots: Vec<_> = locked(&log.0.lots).iter().map(|lot| locked(lot).clone()).collect();
        String::from_utf8(lots.concat()).unwrap()
    }

    #[test]
    fn a_line_of_the_access_log_waits_and_looks_like_any_other() {
        let line = waiting(|| {
            tracing::info!(target: ACCESS, id = "a1", method = %"GET", path = "/a\nb", status = 200, "answered");
        });
        let (time, rest) = line.split_at(27);
        assert!(time.parse::<Timestamp>().is_ok(), "{line}");
        assert_eq!(rest, "  INFO answered id=\"a1\" method=GET path=\"/a\\nb\" status=200\n");
    }

    #[test]
    fn any_other_line_takes_with_it_what_waits() {
        let left = waiting(|| {
            tracing::info!(target: ACCESS, "answered");
            tracing::warn!("(a line of a test)");
        });
        assert_eq!(left, "");
    }
}
