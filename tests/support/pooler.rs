//! Poolers as elt may find them before a server: one that shares a session between transactions, and one that gives
//! whole sessions. Like pgbouncer with `ignore_startup_parameters = options` they pass no parameters on.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Mutex;

use crate::test_database::TestDatabase;

/// The port that the name of its socket holds.
pub const PORT: u16 = 6432;

/// Which of the two.
#[derive(Clone, Copy, PartialEq)]
pub enum Shares {
    Transactions,
    Sessions,
}

/// Listens as long as it is held.
pub struct Pooler {
    pub folder: tempfile::TempDir,
    pub user: String,
    listening: tokio::task::JoinHandle<()>,
}

impl Pooler {
    pub async fn before(database: &TestDatabase, shares: Shares) -> Self {
        let value = async |sql: &str| database.value(sql).await.expect("it is not NULL");
        let user = value("select current_user::text").await;
        let folder = value("select split_part(current_setting('unix_socket_directories'), ',', 1)").await;
        let socket =
            PathBuf::from(format!("{folder}/.s.PGSQL.{}", value("select current_setting('port')").await));
        let here = tempfile::tempdir().expect("a temporary folder");
        let clients = UnixListener::bind(here.path().join(format!(".s.PGSQL.{PORT}"))).expect("it is free");
        let hello = hello(&user, &database.name);
        let listening = tokio::spawn(async move {
            match shares {
                Shares::Transactions => transactions(&socket, hello, clients).await,
                Shares::Sessions => sessions(socket, hello, clients).await,
            }
        });
        Self { folder: here, user, listening }
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

/// What a client says first, without parameters.
fn hello(user: &str, database: &str) -> Vec<u8> {
    let parameters = format!("user\0{user}\0database\0{database}\0\0");
    let length = u32::try_from(parameters.len()).expect("names are short") + 8;
    [&length.to_be_bytes(), &196_608_u32.to_be_bytes(), parameters.as_bytes()].concat()
}

async fn leave_hello(client: &mut UnixStream) {
    loop {
        let length = client.read_u32().await.expect("a client says hello") as usize;
        let mut rest = vec![0; length - 4];
        client.read_exact(&mut rest).await.expect("and all of it");
        if rest != 80_877_103_u32.to_be_bytes() {
            return;
        }
        // It would rather be encrypted.
        client.write_all(b"N").await.expect("a client listens");
    }
}

/// Type, length and content.
async fn message(stream: &mut UnixStream) -> Option<Vec<u8>> {
    let mut bytes = vec![0; 5];
    stream.read_exact(&mut bytes).await.ok()?;
    let length = u32::from_be_bytes([bytes[1], bytes[2], bytes[3], bytes[4]]) as usize;
    bytes.resize(length + 1, 0);
    stream.read_exact(&mut bytes[5..]).await.ok()?;
    Some(bytes)
}

/// All that the server says until it is ready; whether it is in a transaction.
async fn answer(server: &mut UnixStream) -> (Vec<u8>, bool) {
    let mut all = Vec::new();
    loop {
        let one = message(server).await.expect("the server answers");
        all.extend_from_slice(&one);
        if one[0] == b'Z' {
            return (all, one[5] != b'I');
        }
    }
}

/// One connection to the server, of which each transaction of each client has its turn.
async fn transactions(socket: &Path, hello: Vec<u8>, clients: UnixListener) {
    let mut server = UnixStream::connect(socket).await.expect("the server listens");
    server.write_all(&hello).await.expect("it takes what is said");
    let (greeting, _) = answer(&mut server).await;
    let server = Arc::new(Mutex::new(server));
    while let Ok((mut client, _)) = clients.accept().await {
        let (server, greeting) = (server.clone(), greeting.clone());
        tokio::spawn(async move {
            leave_hello(&mut client).await;
            client.write_all(&greeting).await.expect("a client listens");
            let mut turn = None;
            while let Some(asked) = message(&mut client).await.filter(|asked| asked[0] != b'X') {
                let server = match &mut turn {
                    Some(turn) => turn,
                    None => turn.insert(server.lock().await),
                };
                server.write_all(&asked).await.expect("it takes what is asked");
                if matches!(asked[0], b'Q' | b'S') {
                    let (told, goes_on) = answer(server).await;
                    client.write_all(&told).await.expect("a client listens");
                    turn = turn.filter(|_| goes_on);
                }
            }
        });
    }
}

/// A connection to the server for each client.
async fn sessions(socket: PathBuf, hello: Vec<u8>, clients: UnixListener) {
    while let Ok((mut client, _)) = clients.accept().await {
        let (socket, hello) = (socket.clone(), hello.clone());
        tokio::spawn(async move {
            leave_hello(&mut client).await;
            let mut server = UnixStream::connect(socket).await.expect("the server listens");
            server.write_all(&hello).await.expect("it takes what is said");
            // It ends with either side.
            let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
        });
    }
}
