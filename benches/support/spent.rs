//! What a process took: wall time, CPU time, memory.

use std::mem::MaybeUninit;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::Server;

/// What one turn took.
#[derive(Debug, Clone, Copy)]
pub struct Spent {
    /// Unit: seconds.
    pub wall: f64,
    /// User and system time of the client process. Unit: seconds.
    pub cpu: f64,
    /// The same of all of the server's processes; NaN where the system does not tell.
    pub server_cpu: f64,
    /// The client process's peak of resident memory.
    pub peak_mib: f64,
}

/// Runs a command that must succeed, to its end.
pub fn run(command: &mut Command, server: Option<&Server>) -> Spent {
    tried(command, server).unwrap_or_else(|status| panic!("{command:?} ended with {status}"))
}

/// Runs a command to its end; the error is its exit code.
#[expect(clippy::zombie_processes, reason = "wait4 waits for it, and tells what it used")]
pub fn tried(command: &mut Command, server: Option<&Server>) -> Result<Spent, i32> {
    let server_before = server.map_or(f64::NAN, Server::cpu);
    let begun = Instant::now();
    let child = command.stdout(Stdio::null()).spawn().expect("the program starts");
    let process = child.id();
    let ended = AtomicBool::new(false);
    let ((status, usage), wall, watched) = thread::scope(|scope| {
        let watching = scope.spawn(|| watch_memory(process, &ended));
        let waited = wait(process);
        let wall = begun.elapsed().as_secs_f64();
        ended.store(true, Ordering::Relaxed);
        watching.thread().unpark();
        (waited, wall, watching.join().expect("watching does not panic"))
    });
    if status != 0 {
        return Err(status);
    }
    let server_cpu = server.map_or(f64::NAN, Server::cpu) - server_before;
    // Linux counts in KiB, macOS in bytes.
    let unit = if cfg!(target_os = "macos") { 1024.0 * 1024.0 } else { 1024.0 };
    // A program that ends at once may not have begun when it was looked at.
    let peak_mib = watched.filter(|_| wall > 0.05).unwrap_or(usage.ru_maxrss as f64 / unit);
    Ok(Spent { wall, cpu: cpu(&usage), server_cpu, peak_mib })
}

/// The peak that the system tells while the process lives: Linux counts the peak of the bench itself, whose
/// memory the child has until it becomes another program, into what it tells at the end.
fn watch_memory(process: u32, ended: &AtomicBool) -> Option<f64> {
    let mut peak = None;
    while !ended.load(Ordering::Relaxed) {
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kibibytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
        peak = kibibytes.map(|kibibytes| kibibytes / 1024.0).or(peak);
        thread::park_timeout(Duration::from_millis(5));
    }
    peak
}

/// CPU seconds of this process so far.
pub fn own_cpu() -> f64 {
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the call writes one rusage to the given place; all zeros is a valid one, too.
    let usage = unsafe {
        libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr());
        usage.assume_init()
    };
    cpu(&usage)
}

/// CPU seconds of another process so far; NaN where the system does not tell. Includes its children that
/// ended where `with_ended` says so.
pub fn cpu_of(process: u32, with_ended: bool) -> f64 {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{process}/stat")) else { return f64::NAN };
    // The name, in brackets, may hold blanks.
    let after = stat.rsplit_once(')').map_or("", |(_, after)| after);
    let fields: Vec<f64> = after.split_ascii_whitespace().map(|field| field.parse().unwrap_or(0.0)).collect();
    let count = if with_ended { 4 } else { 2 };
    fields.iter().skip(11).take(count).sum::<f64>() / ticks_per_second()
}

fn ticks_per_second() -> f64 {
    // SAFETY: asks for a constant of the system.
    unsafe { libc::sysconf(libc::_SC_CLK_TCK) as f64 }
}

fn cpu(usage: &libc::rusage) -> f64 {
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}

/// Waits for a child, and for what it used.
fn wait(process: u32) -> (i32, libc::rusage) {
    let mut status = 0;
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    let process = libc::pid_t::try_from(process).expect("a process id fits");
    // SAFETY: both places are valid for the call to write to.
    let usage = unsafe {
        assert!(
            libc::wait4(process, &raw mut status, 0, usage.as_mut_ptr()) == process,
            "the child is there"
        );
        usage.assume_init()
    };
    (if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { -1 }, usage)
}
