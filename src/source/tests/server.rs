//! An HTTP server that does as its script says: one answer a connection, in order.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What a connection is answered. `cut` sends only so many bytes of the body and hangs up.
#[derive(Clone, Default)]
pub struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    cut: Option<usize>,
    length: Option<usize>,
    stall: bool,
}

impl Reply {
    pub fn new(status: u16, body: impl AsRef<[u8]>) -> Self {
        Self { status, body: body.as_ref().to_vec(), ..Self::default() }
    }

    pub fn header(mut self, name: &str, value: impl ToString) -> Self {
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }

    pub fn cut(mut self, bytes: usize) -> Self {
        self.cut = Some(bytes);
        self
    }

    /// A `Content-Length` other than the body's.
    pub fn length(mut self, bytes: usize) -> Self {
        self.length = Some(bytes);
        self
    }

    /// Sends the head and then nothing.
    pub fn stall(mut self) -> Self {
        self.stall = true;
        self
    }

    async fn send(self, stream: &mut TcpStream) -> std::io::Result<()> {
        let mut head = format!("HTTP/1.1 {} Scripted\r\nConnection: close\r\n", self.status);
        head.push_str(&format!("Content-Length: {}\r\n", self.length.unwrap_or(self.body.len())));
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        stream.write_all(format!("{head}\r\n").as_bytes()).await?;
        if self.stall {
            tokio::time::sleep(std::time::Duration::from_secs(30)).await;
        }
        stream.write_all(&self.body[..self.cut.unwrap_or(self.body.len())]).await?;
        stream.shutdown().await
    }
}

pub struct Server {
    pub url: String,
    script: Arc<Mutex<VecDeque<Reply>>>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub async fn start(script: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let server = Self {
            url,
            script: Arc::new(Mutex::new(script.into_iter().collect())),
            requests: Arc::default(),
        };
        let (script, requests) = (server.script.clone(), server.requests.clone());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let request = read_request(&mut stream).await;
                requests.lock().expect("no test panics with it").push(request);
                let reply = script.lock().expect("no test panics with it").pop_front();
                let reply = reply.unwrap_or_else(|| Reply::new(418, "the script is at its end"));
                tokio::spawn(async move { reply.send(&mut stream).await });
            }
        });
        server
    }

    pub fn then(&self, reply: Reply) {
        self.script.lock().expect("no test panics with it").push_back(reply);
    }

    /// The heads of the requests so far, in lower case.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().expect("no test panics with it").clone()
    }
}

async fn read_request(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8_lossy(&head).to_lowercase()
}
