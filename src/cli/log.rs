//! Where log lines go: to standard error. Lines of the access log may wait a moment for each other, for a
//! system call for each is a good part of a lookup's time; any other line goes out at once, behind those
//! that wait.

use std::fmt;
use std::io::{IsTerminal, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
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
    let log = Log(Arc::default());
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
#[derive(Clone)]
pub struct Log(Arc<Waiting>);

#[derive(Default)]
struct Waiting {
    lines: Mutex<Lot>,
    first: Condvar,
    /// What is being written; nobody who logs waits for that.
    out: Mutex<Vec<u8>>,
}

#[derive(Default)]
struct Lot {
    bytes: Vec<u8>,
    has_writer: bool,
}

impl Log {
    pub fn flush(&self) {
        let mut out = self.0.out.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut *out, &mut self.lot().bytes);
        // There is nowhere to tell that standard error is gone.
        let _ = std::io::stderr().write_all(&out);
        out.clear();
    }

    fn lot(&self) -> MutexGuard<'_, Lot> {
        // Bytes are appended whole; a panic elsewhere leaves nothing half done.
        self.0.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, line: &[u8], may_wait: bool) {
        let mut lot = self.lot();
        let is_first = lot.bytes.is_empty();
        lot.bytes.extend_from_slice(line);
        if !may_wait || lot.bytes.len() > FULL || !self.writer_is_there(&mut lot) {
            drop(lot);
            self.flush();
        } else if is_first {
            self.0.first.notify_one();
        }
    }

    /// The thread that writes is made for the first line that may wait: most commands never have one.
    fn writer_is_there(&self, lot: &mut Lot) -> bool {
        if !lot.has_writer {
            let log = self.clone();
            let thread = std::thread::Builder::new().name("log".to_owned());
            lot.has_writer = thread.spawn(move || log.write_for_ever()).is_ok();
        }
        lot.has_writer
    }

    fn write_for_ever(&self) {
        loop {
            let lot = self.lot();
            let nothing = |lot: &mut Lot| lot.bytes.is_empty();
            drop(self.0.first.wait_while(lot, nothing).unwrap_or_else(PoisonError::into_inner));
            std::thread::sleep(WAIT);
            self.flush();
        }
    }
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
        self.log.take(bytes, self.may_wait);
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
        write!(writer, "{:.6}  {}", Timestamp::now(), event.metadata().level())?;
        let mut fields = Fields { writer, result: Ok(()) };
        event.record(&mut fields);
        fields.result?;
        fields.writer.write_char('\n')
    }
}

struct Fields<'a> {
    writer: Writer<'a>,
    result: fmt::Result,
}

impl Fields<'_> {
    fn put(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        let name = field.name();
        let mut put = || {
            self.writer.write_char(' ')?;
            if name != "message" {
                self.writer.write_str(name)?;
                self.writer.write_char('=')?;
            }
            match value.as_str() {
                Some(text) => self.writer.write_str(text),
                None => self.writer.write_fmt(value),
            }
        };
        if self.result.is_ok() {
            self.result = put();
        }
    }
}

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format_args!("{value:?}"));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, format_args!("{value}"));
    }

    /// Quoted; escaped where it holds what could look like another line or field.
    fn record_str(&mut self, field: &Field, value: &str) {
        let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
        if value.bytes().all(is_plain) {
            self.put(field, format_args!("\"{value}\""));
        } else {
            self.put(field, format_args!("{value:?}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(line: impl FnOnce()) -> String {
        let log = Log(Arc::default());
        // As if the thread were there, so that the line stays.
        log.lot().has_writer = true;
        let lines = Lines { other: Format::default().with_target(false).with_ansi(false) };
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(log.clone());
        tracing::subscriber::with_default(subscriber.event_format(lines).finish(), line);
        String::from_utf8(std::mem::take(&mut log.lot().bytes)).unwrap()
    }

    #[test]
    fn a_line_of_the_access_log_waits_and_looks_like_any_other() {
        let line = written(|| {
            tracing::info!(target: ACCESS, id = "a1", method = %"GET", path = "/a\nb", status = 200, "answered");
        });
        let (time, rest) = line.split_at(27);
        assert!(time.parse::<Timestamp>().is_ok(), "{line}");
        assert_eq!(rest, "  INFO answered id=\"a1\" method=GET path=\"/a\\nb\" status=200\n");
    }

    #[test]
    fn any_other_line_takes_with_it_what_waits() {
        let left = written(|| {
            tracing::info!(target: ACCESS, "answered");
            tracing::warn!("(a line of a test)");
        });
        assert_eq!(left, "");
    }
}
