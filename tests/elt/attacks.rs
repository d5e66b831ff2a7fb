//! Servers that lead a load astray, or try to get hold of what is meant for another.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::support::Project;

const CSV: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nid\n1\n";

/// Answers every request with the same, and remembers what was asked.
struct Server {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(tls: Option<TlsAcceptor>, answer: impl Into<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let server = Self { port, asked: Arc::default() };
        let (asked, answer) = (server.asked.clone(), answer.into());
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (asked, answer) = (asked.clone(), answer.clone());
                match tls.clone() {
                    None => reply(socket, &asked, &answer).await,
                    Some(tls) => match tls.accept(socket).await {
                        Ok(socket) => reply(socket, &asked, &answer).await,
                        Err(error) => eprintln!("no handshake: {error}"),
                    },
                }
            }
        });
        server
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no holder panics").clone()
    }
}

async fn reply(mut socket: impl AsyncRead + AsyncWrite + Unpin, asked: &Mutex<Vec<String>>, answer: &str) {
    let mut request = Vec::new();
    while !request.windows(4).any(|four| four == b"\r\n\r\n") {
        let mut part = [0; 4096];
        match socket.read(&mut part).await {
            Ok(0) | Err(_) => return,
            Ok(length) => request.extend_from_slice(&part[..length]),
        }
    }
    asked.lock().expect("no holder panics").push(String::from_utf8_lossy(&request).to_lowercase());
    let _ = socket.write_all(answer.as_bytes()).await;
    let _ = socket.shutdown().await;
}

fn redirect(to: &str) -> String {
    let cookie = "Set-Cookie: session=c00kie";
    format!(
        "HTTP/1.1 302 Found\r\nLocation: {to}\r\n{cookie}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    )
}

/// A certificate for localhost, as PEM, and a server's side of it.
fn certified() -> (String, TlsAcceptor) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the defaults are good")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("they belong together");
    (made.cert.pem(), TlsAcceptor::from(Arc::new(config)))
}

async fn project(source: &str, certificate: &str) -> Project {
    let model = format!(
        "{{{{ config(source='{source}', auth={{'bearer': env_var('TOKEN'), 'headers': {{'X-Key': env_var('KEY')}} }} ) }}}}\nid int"
    );
    let project = Project::new(&[
        ("models/raw/r.sql", &model),
        ("profiles.yml", "fetch: {retries: 0}\n"),
        ("ca.pem", certificate),
    ])
    .await;
    let certificate = project.root.join("ca.pem").display().to_string();
    project.env("TOKEN", "t0ken-word").env("KEY", "k3y-word").env("SSL_CERT_FILE", &certificate)
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_leads_from_https_to_http() {
    let plain = Server::start(None, CSV).await;
    let (certificate, tls) = certified();
    let to_plain = format!("http://127.0.0.1:{}/file.csv", plain.port);
    let home = Server::start(Some(tls.clone()), redirect(&to_plain)).await;
    let project = project(&format!("https://localhost:{}/a.csv", home.port), &certificate).await;
    let ended = project.elt(&["load"]).expect(1);
    ended.says("redirects to the unencrypted http://127.0.0.1").says("which is refused");
    assert_eq!(home.asked().len(), 1, "the certificate was good");
    assert!(home.asked()[0].contains("authorization: bearer t0ken-word"));

    // Nor does the next page of an API.
    let body = "{\"items\": [{\"id\": 1}]}";
    let page = format!(
        "HTTP/1.1 200 OK\r\nLink: <{to_plain}>; rel=next\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let api = Server::start(Some(tls), page).await;
    project.write(
        "models/raw/r.sql",
        &format!(
            "{{{{ config(source='https://localhost:{}/', api={{'records': 'items', 'paging': {{'by': 'link'}} }} ) }}}}\nid int",
            api.port
        ),
    );
    project.elt(&["load"]).expect(1).says("redirects to the unencrypted");
    assert_eq!(plain.asked().len(), 0, "nobody asked for what is not encrypted");

    // Without its certificate a server is not believed.
    project.write("ca.pem", &certified().0);
    project.write(
        "models/raw/r.sql",
        &format!("{{{{ config(source='https://localhost:{}/b.csv') }}}}", home.port),
    );
    project.elt(&["load"]).expect(1).says("check the address and, for https, the system's certificates");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_stays_with_the_host_that_it_is_for() {
    let stranger = Server::start(None, CSV).await;
    let home = Server::start(None, redirect(&format!("http://127.0.0.1:{}/file.csv", stranger.port))).await;
    let project = project(&format!("http://127.0.0.1:{}/a.csv", home.port), "").await;
    let ended = project.good(&["load"]);
    let (asked, told) = (stranger.asked(), home.asked());
    assert!(told[0].contains("t0ken-word") && told[0].contains("x-key: k3y-word"), "{told:?}");
    assert_eq!(asked.len(), 1);
    for secret in ["t0ken-word", "k3y-word", "c00kie", "authorization", "x-key", "referer"] {
        assert!(!asked[0].contains(secret), "{secret}: {}", asked[0]);
        assert!(!ended.stderr.contains(secret), "{ended}");
    }
}
