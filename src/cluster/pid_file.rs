//! Reads `postmaster.pid`, where a server says who it is and how far it has come, and judges whether that
//! server is alive and of these data.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use super::home::socket_file;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Starting,
    Ready,
    Stopping,
}

/// What the file says. A file half written is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PidFile {
    pub pid: i32,
    pub port: u16,
    pub socket_dir: PathBuf,
    pub status: Status,
}

/// Who holds the data.
#[derive(Debug)]
pub enum Holder {
    /// Nobody, or a dead server whose traces the next server clears up itself.
    Nobody,
    /// The file names a process that is alive and no server of these data: its number was given out again.
    Stranger,
    Server(PidFile),
}

pub fn path(data: &Path) -> PathBuf {
    data.join("postmaster.pid")
}

pub fn read(data: &Path) -> Option<PidFile> {
    parse(&fs::read_to_string(path(data)).ok()?)
}

fn parse(text: &str) -> Option<PidFile> {
    let lines: Vec<&str> = text.lines().collect();
    let pid: i32 = lines.first()?.trim().parse().ok()?;
    let status = match lines.get(7).map(|line| line.trim()) {
        Some("ready" | "standby") => Status::Ready,
        Some("stopping") => Status::Stopping,
        _ => Status::Starting,
    };
    Some(PidFile {
        // A server run for one session by hand writes its number negative.
        pid: pid.abs(),
        port: lines.get(3).and_then(|line| line.trim().parse().ok()).unwrap_or_default(),
        socket_dir: lines.get(4).map(PathBuf::from).unwrap_or_default(),
        status,
    })
}

pub fn holder(data: &Path) -> Holder {
    match read(data) {
        Some(file) if !is_alive(file.pid) => Holder::Nobody,
        Some(file) if !serves(file.pid, data) => Holder::Stranger,
        Some(file) => Holder::Server(file),
        None => Holder::Nobody,
    }
}

impl PidFile {
    /// The server says that it is ready, and answers. A socket alone proves little: it takes connections for
    /// a moment after its server was killed.
    pub fn answers(&self) -> bool {
        self.status == Status::Ready && self.connect().and_then(|mut socket| asked(&mut socket)).is_ok()
    }

    /// The server says that it is ready, but nobody can connect.
    pub fn is_unreachable(&self) -> bool {
        self.status == Status::Ready && self.connect().is_err()
    }

    fn connect(&self) -> io::Result<UnixStream> {
        UnixStream::connect(socket_file(&self.socket_dir, self.port))
    }

    /// Fast shutdown: sessions are ended, transactions rolled back, nothing is lost.
    pub fn ask_to_stop(&self) {
        self.signal(Signal::INT);
    }

    /// Immediate shutdown: the server ends as if its machine had, and recovers at its next start. For one that
    /// cannot stop any more, as when its disk filled up while it stopped.
    pub fn end_at_once(&self) {
        self.signal(Signal::QUIT);
    }

    fn signal(&self, signal: Signal) {
        if let Some(pid) = Pid::from_raw(self.pid) {
            // A server that is gone already is what was wanted.
            let _ = kill_process(pid, signal);
        }
    }
}

/// Whether encryption is spoken: a question that every server answers, with one byte, before any login.
fn asked(socket: &mut UnixStream) -> io::Result<()> {
    const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];
    socket.set_read_timeout(Some(Duration::from_secs(2)))?;
    socket.write_all(&SSL_REQUEST)?;
    socket.read_exact(&mut [0])
}

fn is_alive(pid: i32) -> bool {
    let Some(pid) = Pid::from_raw(pid) else { return false };
    !matches!(test_kill_process(pid), Err(error) if error == rustix::io::Errno::SRCH)
}

/// A server works in its data folder; where that cannot be seen, its command line names the folder.
fn serves(pid: i32, data: &Path) -> bool {
    let works_in = fs::metadata(format!("/proc/{pid}/cwd"));
    if let (Ok(works_in), Ok(data)) = (works_in, fs::metadata(data)) {
        return (works_in.dev(), works_in.ino()) == (data.dev(), data.ino());
    }
    let command = match fs::read(format!("/proc/{pid}/cmdline")) {
        Ok(command) => command,
        Err(_) if Path::new("/proc/self").exists() => return false,
        Err(_) => {
            let output = Command::new("ps").args(["-o", "command=", "-p", &pid.to_string()]).output();
            output.map(|output| output.stdout).unwrap_or_default()
        }
    };
    let command = String::from_utf8_lossy(&command);
    command.contains("postgres") && command.contains(&*data.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ready_server_is_read_with_its_socket() {
        let file = "77\n/d\n1700000000\n5432\n/run/s\n\n  123  45\nready   \n";
        let expected = PidFile { pid: 77, port: 5432, socket_dir: "/run/s".into(), status: Status::Ready };
        assert_eq!(parse(file), Some(expected));
    }

    #[test]
    fn a_file_half_written_is_starting_or_nothing() {
        assert_eq!(parse(""), None);
        assert_eq!(parse("77\n/d\n").map(|file| file.status), Some(Status::Starting));
    }

    #[test]
    fn a_number_given_out_again_is_a_stranger() {
        let data = tempfile::tempdir().unwrap();
        fs::write(path(data.path()), format!("{}\n/d\n1\n5432\n/s\n\n\nready\n", std::process::id()))
            .unwrap();
        assert!(matches!(holder(data.path()), Holder::Stranger));
    }
}
