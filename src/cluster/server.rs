//! Makes the data, starts, joins and stops the server. The caller holds the right to change the cluster.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use super::binaries::Binaries;
use super::home::{self, Home, PORT, socket_file};
use super::pid_file::{self, Holder, PidFile, Status};
use super::run_as::RunAs;
use super::{ClusterError, USER};

/// Covers the recovery of a killed server.
const START: Duration = Duration::from_secs(60);
const STOP: Duration = Duration::from_secs(30);
/// How long a server that says it is ready may have no socket.
const SILENCE: Duration = Duration::from_secs(3);
/// How long the processes of a killed server may need to notice.
const ORPHANS: Duration = Duration::from_secs(15);
const PAUSE: Duration = Duration::from_millis(5);
/// A longer log is put aside at the next start. Unit: bytes.
const LONGEST_LOG: u64 = 4 << 20;

/// The server of these data, if one is running; waits for one that is starting or stopping.
pub fn join(home: &Home) -> Result<Option<PidFile>, ClusterError> {
    let begun = Instant::now();
    let mut silent_since = None;
    let (mut asked_to_stop, mut ended_at_once) = (false, false);
    loop {
        let server = match pid_file::holder(&home.data()) {
            Holder::Nobody => return Ok(None),
            Holder::Stranger => return disown(home).map(|()| None),
            Holder::Server(server) if server.answers() => return Ok(Some(server)),
            Holder::Server(server) => server,
        };
        // Its socket was swept from the temporary folder, or the folder of the cluster was moved.
        if server.is_unreachable()
            && silent_since.get_or_insert_with(Instant::now).elapsed() > SILENCE
            && !asked_to_stop
        {
            server.ask_to_stop();
            asked_to_stop = true;
        }
        if begun.elapsed() > STOP && server.status == Status::Stopping && !ended_at_once {
            server.end_at_once();
            ended_at_once = true;
        }
        if begun.elapsed() > START {
            let why = format!("process {} still does not answer after {} s", server.pid, START.as_secs());
            let log = tail(&home.log(), 0);
            return Err(ClusterError::Program { program: "postgres", why, log });
        }
        sleep(PAUSE);
    }
}

/// PostgreSQL does not start while the file names a living process, unless that is its own parent. The file
/// itself must stay: it leads to shared memory that would show a server of these data still at work.
fn disown(home: &Home) -> Result<(), ClusterError> {
    let path = pid_file::path(&home.data());
    let text = fs::read_to_string(&path).map_err(ClusterError::folder("read", &path))?;
    let rest = text.split_once('\n').map_or("", |(_, rest)| rest);
    fs::write(&path, format!("{}\n{rest}", std::process::id())).map_err(ClusterError::folder("mend", &path))
}

/// Starts the server and waits until it answers. Errors: it ended, or does not answer in time; both with the
/// end of its log.
pub fn start(
    binaries: &Binaries,
    run_as: RunAs,
    home: &Home,
    settings: &[(&str, &str)],
) -> Result<PidFile, ClusterError> {
    let socket_dir = home.socket_dir(run_as)?;
    // No server of these data runs, so whose ever these are, they are dead.
    for stale in [socket_file(&socket_dir, PORT), socket_dir.join(format!(".s.PGSQL.{PORT}.lock"))] {
        let _ = fs::remove_file(stale);
    }
    let begun = Instant::now();
    loop {
        let log = open_log(home)?;
        let from = log.metadata().map_or(0, |found| found.len());
        let (pid, ended) = spawn(binaries, run_as, home, &socket_dir, log, settings)?;
        let status = match wait_until_ready(home, pid, &ended, begun)? {
            Ok(server) => return Ok(server),
            Err(status) => status,
        };
        let log = tail(&home.log(), from);
        if !(log.contains("pre-existing shared memory block") && begun.elapsed() < ORPHANS) {
            return Err(ClusterError::Program {
                program: "postgres",
                why: format!("it ended ({status})"),
                log,
            });
        }
        sleep(PAUSE * 20);
    }
}

/// The server once it answers, or how its process ended.
fn wait_until_ready(
    home: &Home,
    pid: i32,
    ended: &Receiver<ExitStatus>,
    begun: Instant,
) -> Result<Result<PidFile, ExitStatus>, ClusterError> {
    loop {
        if let Ok(status) = ended.try_recv() {
            return Ok(Err(status));
        }
        if let Some(server) = pid_file::read(&home.data()).filter(|file| file.pid == pid && file.answers()) {
            return Ok(Ok(server));
        }
        if begun.elapsed() > START {
            // It may be recovering much: let it; the next elt finds it where it then is.
            let why =
                format!("it does not answer after {} s, and goes on starting by itself", START.as_secs());
            return Err(ClusterError::Program { program: "postgres", why, log: tail(&home.log(), 0) });
        }
        sleep(PAUSE);
    }
}

fn spawn(
    binaries: &Binaries,
    run_as: RunAs,
    home: &Home,
    socket_dir: &Path,
    log: File,
    settings: &[(&str, &str)],
) -> Result<(i32, Receiver<ExitStatus>), ClusterError> {
    let program = binaries.postgres();
    let failed = ClusterError::folder("run", &program);
    let mut command = run_as.command(&program, home.root());
    command.arg("-D").arg(home.data()).arg("-k").arg(socket_dir).arg("-p").arg(PORT.to_string());
    let own = [("listen_addresses", ""), ("unix_socket_permissions", "0700"), ("fsync", "on")];
    for (name, value) in own.iter().chain(settings) {
        command.arg("-c").arg(format!("{name}={value}"));
    }
    let spawned = log.try_clone().and_then(|copy| command.stdout(copy).stderr(log).spawn());
    let mut child = spawned.map_err(failed)?;
    let pid = child.id().cast_signed();
    let (sender, ended) = channel();
    // Somebody must collect the server's end, whoever stops it: a dead process that nobody collected looks
    // alive to others.
    thread::spawn(move || child.wait().map(|status| sender.send(status)));
    Ok((pid, ended))
}

/// Fast shutdown, and an immediate one where that takes too long. Errors: still running after that.
pub fn stop(home: &Home, server: &PidFile) -> Result<(), ClusterError> {
    server.ask_to_stop();
    let begun = Instant::now();
    let mut ended_at_once = false;
    while pid_file::read(&home.data()).is_some_and(|file| file.pid == server.pid) {
        if matches!(pid_file::holder(&home.data()), Holder::Nobody) {
            break;
        }
        if begun.elapsed() > STOP && !ended_at_once {
            server.end_at_once();
            ended_at_once = true;
        }
        if begun.elapsed() > STOP + ORPHANS {
            return Err(ClusterError::Stop { pid: server.pid, seconds: STOP.as_secs() });
        }
        sleep(PAUSE);
    }
    Ok(())
}

/// Makes the data in a folder of another name and renames it, so that a cluster is either there or not.
pub fn make_data(binaries: &Binaries, run_as: RunAs, home: &Home) -> Result<(), ClusterError> {
    home.open_to(run_as)?;
    sweep(home);
    let unfinished = unfinished(home);
    home::make_private(&unfinished)?;
    home::give(&unfinished, run_as.owner()).map_err(ClusterError::folder("give away", &unfinished))?;
    let made = run_initdb(binaries, run_as, home, &unfinished).and_then(|()| {
        fs::rename(&unfinished, home.data()).map_err(ClusterError::folder("rename", &unfinished))?;
        let synced = File::open(home.root()).and_then(|folder| folder.sync_all());
        synced.map_err(ClusterError::folder("write", home.root()))
    });
    if made.is_err() {
        let _ = fs::remove_dir_all(&unfinished);
    }
    made
}

fn run_initdb(binaries: &Binaries, run_as: RunAs, home: &Home, data: &Path) -> Result<(), ClusterError> {
    let program = binaries.initdb();
    let log = open_log(home)?;
    let from = log.metadata().map_or(0, |found| found.len());
    let mut command = run_as.command(&program, home.root());
    command.arg("-D").arg(data).args(["-A", "trust", "-E", "UTF8", "-U", USER, "--no-instructions"]);
    command.args(locale(binaries.major));
    let ended = log.try_clone().and_then(|copy| command.stdout(copy).stderr(log).status());
    let status = ended.map_err(ClusterError::folder("run", &program))?;
    if status.success() {
        return Ok(());
    }
    let why = format!("it ended ({status})");
    Err(ClusterError::Program { program: "initdb", why, log: tail(&home.log(), from) })
}

/// Unicode letters, order by code: the same on every machine.
fn locale(major: u32) -> &'static [&'static str] {
    if cfg!(target_os = "linux") {
        &["--locale=C.UTF-8"]
    } else if major >= 17 {
        &["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    } else {
        &["--locale=C", "--lc-ctype=UTF-8"]
    }
}

/// A name of its own each time: an initdb whose elt was killed may still be writing into another.
fn unfinished(home: &Home) -> PathBuf {
    let now = std::time::UNIX_EPOCH.elapsed().unwrap_or_default().as_nanos();
    home.root().join(format!("data.new.{now}"))
}

fn sweep(home: &Home) {
    for entry in fs::read_dir(home.root()).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with("data.new.") {
            // What is still written into now goes next time.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn open_log(home: &Home) -> Result<File, ClusterError> {
    let path = home.log();
    if fs::metadata(&path).is_ok_and(|found| found.len() > LONGEST_LOG) {
        let _ = fs::rename(&path, path.with_extension("log.old"));
    }
    let opened = OpenOptions::new().create(true).append(true).mode(0o600).open(&path);
    opened
        .and_then(|file| home::leave_to_owner(&path).map(|()| file))
        .map_err(ClusterError::folder("write", &path))
}

/// The last lines of the log behind byte `from`.
fn tail(path: &Path, from: u64) -> String {
    let read = || -> io::Result<String> {
        let mut file = File::open(path)?;
        let end = file.metadata()?.len();
        file.seek(SeekFrom::Start(from.max(end.saturating_sub(4096))))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let text = read().unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(10)..].join("\n")
}
