//! With the real server programs: starting, sharing, crashing, stopping.

use std::fs::{self, Permissions};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::*;

const CHILD_FOLDER: &str = "ELT_TEST_CLUSTER_FOLDER";

fn sql(cluster: &Cluster, statement: &str) -> String {
    let binaries = find_binaries().unwrap();
    let output = Command::new(binaries.folder.join("psql"))
        .args(["-XAtw", "-d", "postgres", "-c", statement, "-U", cluster.user(), "-h"])
        .arg(cluster.socket_dir())
        .args(["-p", &cluster.port().to_string()])
        .output()
        .unwrap();
    assert!(output.status.success(), "{statement}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn kill(pid: i32, signal: Signal) {
    kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
}

fn runs(home: &Home) -> bool {
    matches!(pid_file::holder(&home.data()), Holder::Server(_))
}

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let result = work();
    eprintln!("{what}: {} ms", begun.elapsed().as_millis());
    result
}

#[test]
fn a_cluster_starts_cold_is_shared_and_stops_with_its_last_user() {
    let folder = TempDir::new().unwrap();
    let first = timed("cold", || Cluster::open(folder.path(), &[("max_connections", "17")]).unwrap());
    assert_eq!(sql(&first, "show data_directory"), first.data_dir().to_str().unwrap());
    assert_eq!(sql(&first, "select current_user || current_setting('max_connections')"), "elt17");
    assert_eq!(sql(&first, "show listen_addresses") + &sql(&first, "show fsync"), "on");
    assert_eq!(sql(&first, "show server_encoding") + &sql(&first, "show timezone"), "UTF8UTC");
    assert!(sql(&first, "show server_version").starts_with(&first.version().to_string()));
    assert_eq!(fs::metadata(first.socket_dir()).unwrap().mode() & 0o777, 0o700);

    let group = rustix::process::getpgid(Pid::from_raw(first.server.pid)).unwrap();
    assert_ne!(group, rustix::process::getpgrp(), "a Ctrl-C of the terminal would reach the server");

    let second = timed("joined", || Cluster::open(folder.path(), &[]).unwrap());
    assert_eq!(second.server.pid, first.server.pid);
    let home = second.home.clone();
    sql(&first, "create table kept as select 1 as one");
    first.close().unwrap();
    assert!(runs(&home));
    assert_eq!(sql(&second, "select one from kept"), "1");
    timed("stopped", || second.close().unwrap());
    assert!(!runs(&home));

    let again = timed("warm", || Cluster::open(folder.path(), &[]).unwrap());
    assert_eq!(sql(&again, "select one from kept"), "1");
    drop(again);
    assert!(!runs(&home));
}

#[test]
fn a_killed_server_recovers_at_the_next_open() {
    let folder = TempDir::new().unwrap();
    let cluster = Cluster::open(folder.path(), &[]).unwrap();
    sql(&cluster, "create table kept as select generate_series(1, 1000) as n");
    kill(cluster.server.pid, Signal::KILL);
    let again = timed("recovered", || Cluster::open(folder.path(), &[]).unwrap());
    assert_eq!(sql(&again, "select count(*) from kept"), "1000");
    cluster.close().unwrap();
    assert!(runs(&again.home), "a use that began before the crash still counts as one");
}

#[test]
fn a_pid_given_out_again_does_not_stop_a_start() {
    let folder = TempDir::new().unwrap();
    let cluster = Cluster::open(folder.path(), &[]).unwrap();
    let data = cluster.data_dir();
    let mut stale = fs::read_to_string(pid_file::path(&data)).unwrap();
    cluster.close().unwrap();
    let mut stranger = Command::new("sleep").arg("60").spawn().unwrap();
    stale.replace_range(..stale.find('\n').unwrap(), &stranger.id().to_string());
    fs::write(pid_file::path(&data), stale).unwrap();
    let started = Cluster::open(folder.path(), &[]);
    stranger.kill().unwrap();
    stranger.wait().unwrap();
    assert_eq!(sql(&started.unwrap(), "select 1"), "1");
}

#[test]
fn a_server_whose_socket_was_swept_is_started_again() {
    let folder = TempDir::new().unwrap();
    let cluster = Cluster::open(folder.path(), &[]).unwrap();
    fs::remove_dir_all(cluster.socket_dir()).unwrap();
    let again = Cluster::open(folder.path(), &[]).unwrap();
    assert_ne!(again.server.pid, cluster.server.pid);
    assert_eq!(sql(&again, "select 1"), "1");
}

#[test]
fn threads_that_open_at_once_share_one_server() {
    let folder = TempDir::new().unwrap();
    let open = || Cluster::open(folder.path(), &[]).unwrap();
    let clusters: Vec<Cluster> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(open)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(clusters.iter().all(|cluster| cluster.server.pid == clusters[0].server.pid));
    let home = clusters[0].home.clone();
    drop(clusters);
    assert!(!runs(&home));
}

#[test]
fn a_killed_elt_leaves_the_server_to_the_next() {
    if let Some(folder) = std::env::var_os(CHILD_FOLDER) {
        return be_the_other_process(Path::new(&folder));
    }
    let folder = TempDir::new().unwrap();
    let mut children = [child(folder.path()), child(folder.path())];
    let pids = children.each_mut().map(said_pid);
    assert_eq!(pids[0], pids[1], "two processes opened at once");
    for child in &mut children {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let next = Cluster::open(folder.path(), &[]).unwrap();
    assert_eq!(next.server.pid, pids[0]);
    let home = next.home.clone();
    next.close().unwrap();
    assert!(!runs(&home), "the killed ones no longer count as users");
}

/// Another process that uses the cluster: the test above, told by its environment that it is that one.
fn child(folder: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", "cluster::tests::a_killed_elt_leaves_the_server_to_the_next"])
        .env(CHILD_FOLDER, folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn said_pid(child: &mut Child) -> i32 {
    let mut said = String::new();
    let mut byte = [0];
    let stdout = child.stdout.as_mut().unwrap();
    loop {
        assert_eq!(stdout.read(&mut byte).unwrap(), 1, "the child ended: {said}");
        said.push(byte[0].into());
        let pid = said.split_once("pid ").and_then(|(_, rest)| rest.split_once('.'));
        if let Some((pid, _)) = pid {
            return pid.parse().unwrap();
        }
    }
}

fn be_the_other_process(folder: &Path) {
    let cluster = Cluster::open(folder, &[]).unwrap();
    println!("pid {}.", cluster.server.pid);
    std::thread::sleep(Duration::from_secs(60));
}

#[test]
fn a_path_too_long_for_a_socket_works() {
    let folder = TempDir::new().unwrap();
    let long = folder.path().join("l".repeat(100)).join("o, \"ng");
    let cluster = Cluster::open(&long, &[]).unwrap();
    assert!(!cluster.socket_dir().starts_with(folder.path()));
    assert_eq!(sql(&cluster, "show data_directory"), cluster.data_dir().to_str().unwrap());
    let socket_dir = cluster.socket_dir().to_owned();
    cluster.close().unwrap();
    fs::remove_dir(socket_dir).unwrap();
}

#[test]
fn data_of_another_version_are_refused_with_both_versions() {
    let folder = TempDir::new().unwrap();
    let data = home::prepare(folder.path()).unwrap().join("data");
    fs::create_dir(&data).unwrap();
    let refusal = |folder: &Path| Cluster::open(folder, &[]).err().unwrap().to_string();
    assert!(refusal(folder.path()).contains("no PG_VERSION"));
    fs::write(data.join("PG_VERSION"), "9\n").unwrap();
    let message = refusal(folder.path());
    let found = find_binaries().unwrap().major;
    assert!(message.contains("PostgreSQL 9,") && message.contains(&format!("version {found};")), "{message}");
    assert!(message.contains("ELT_PG_BIN") && message.contains("elt clean --database"), "{message}");
    remove(folder.path()).unwrap();
    assert!(!data.exists());
}

#[test]
fn a_start_that_fails_shows_the_log_and_leaves_nothing_half_made() {
    let folder = TempDir::new().unwrap();
    let refusal = |settings| Cluster::open(folder.path(), settings).err().unwrap().to_string();
    let message = refusal(&[("no_such_setting", "1")]);
    assert!(message.contains("unrecognized configuration parameter \"no_such_setting\""), "{message}");
    assert_eq!(sql(&Cluster::open(folder.path(), &[]).unwrap(), "select 1"), "1");
}

#[test]
fn an_initdb_that_was_killed_leaves_nothing_that_harms() {
    let folder = TempDir::new().unwrap();
    let cut_short = home::prepare(folder.path()).unwrap().join("data.new.1");
    fs::create_dir(&cut_short).unwrap();
    fs::write(cut_short.join("PG_VERSION"), "15\n").unwrap();
    assert_eq!(sql(&Cluster::open(folder.path(), &[]).unwrap(), "select 1"), "1");
    assert!(!cut_short.exists());
}

#[test]
fn a_cluster_in_use_is_not_removed_and_one_left_running_is() {
    let folder = TempDir::new().unwrap();
    remove(folder.path()).unwrap();
    let mut other = child(folder.path());
    said_pid(&mut other);
    assert!(matches!(remove(folder.path()), Err(ClusterError::InUse { .. })));
    other.kill().unwrap();
    other.wait().unwrap();
    remove(folder.path()).unwrap();
    assert!(!folder.path().join("cluster/data").exists());
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let message = Cluster::open(&file.join("inner"), &[]).err().unwrap().to_string();
    assert!(message.contains("cannot make the folder") && message.contains("file/inner"), "{message}");
}

/// A folder that any user can come to: on some machines the usual place is closed to all but root.
fn come_to_by_all() -> TempDir {
    let is_open = |path: &Path| path.metadata().is_ok_and(|found| found.permissions().mode() & 0o001 != 0);
    let places = [std::env::temp_dir(), "/var/tmp".into()];
    let place = places.iter().find(|place| place.ancestors().all(is_open));
    TempDir::new_in(place.expect("there is a place for everybody's temporary files")).unwrap()
}

/// Without a namespace: the second way of root.
fn second_way(elsewhere: &TempDir) -> Option<Conditions> {
    fs::set_permissions(elsewhere.path(), Permissions::from_mode(0o755)).unwrap();
    let ways = RootWays { namespace: false };
    let conditions = Conditions { ways, elsewhere: elsewhere.path().into(), ..Conditions::of_this_machine() };
    rustix::process::geteuid().is_root().then_some(conditions)
}

#[test]
fn root_without_namespaces_runs_the_server_as_another_user() {
    let (folder, elsewhere) = (come_to_by_all(), come_to_by_all());
    let Some(conditions) = second_way(&elsewhere) else { return };
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    let open = || Cluster::open_under(&conditions, folder.path(), &[]).unwrap();
    let cluster = open();
    assert!(cluster.data_dir().starts_with(folder.path().canonicalize().unwrap()));
    assert_ne!(fs::metadata(cluster.data_dir()).unwrap().uid(), 0);
    sql(&cluster, "create table kept as select 1 as one");
    cluster.close().unwrap();
    // Where namespaces are allowed again, the files are still the user's.
    let again = Cluster::open(folder.path(), &[]).unwrap();
    assert_eq!(sql(&again, "select one from kept"), "1");
}

#[test]
fn data_in_a_folder_closed_to_that_user_lie_elsewhere() {
    let (folder, elsewhere) = (come_to_by_all(), come_to_by_all());
    let Some(conditions) = second_way(&elsewhere) else { return };
    fs::set_permissions(folder.path(), Permissions::from_mode(0o700)).unwrap();
    let open = || Cluster::open_under(&conditions, folder.path(), &[]).unwrap();
    let cluster = open();
    assert!(cluster.data_dir().starts_with(elsewhere.path()));
    sql(&cluster, "create table kept as select 1 as one");
    cluster.close().unwrap();
    assert_eq!(sql(&open(), "select one from kept"), "1");
    remove_under(&conditions, folder.path()).unwrap();
    assert_eq!(Home::known(&folder.path().join("cluster"), elsewhere.path()).map(|home| home.data()), None);
}

#[test]
fn data_made_in_a_namespace_are_handed_over_when_there_is_none() {
    let (folder, elsewhere) = (come_to_by_all(), come_to_by_all());
    let Some(conditions) = second_way(&elsewhere) else { return };
    fs::set_permissions(folder.path(), Permissions::from_mode(0o700)).unwrap();
    let cluster = Cluster::open(folder.path(), &[]).unwrap();
    if fs::metadata(cluster.data_dir()).unwrap().uid() != 0 {
        return;
    }
    sql(&cluster, "create table kept as select 1 as one");
    cluster.close().unwrap();
    let again = Cluster::open_under(&conditions, folder.path(), &[]).unwrap();
    assert!(again.data_dir().starts_with(elsewhere.path()));
    assert_eq!(sql(&again, "select one from kept"), "1");
}
