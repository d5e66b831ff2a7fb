//! From a connection URL to a session that is set up as every elt session is.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{AsyncMessage, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{Canceller, DatabaseError, Session, tls};

/// Knows how to reach one database; makes sessions to it.
#[derive(Clone)]
pub struct Connector {
    config: Config,
    tls: MakeRustlsConnect,
}

impl Connector {
    /// From a `postgres://` URL or a libpq key=value string. Takes libpq's `sslmode` (with `verify-ca` and
    /// `verify-full`) and `sslrootcert`. The error never repeats the URL, which may hold a password.
    pub fn from_url(url: &str) -> Result<Self, DatabaseError> {
        let (url, verify, root_certificate) = split_tls_options(url);
        let mut config = Config::from_str(&url)
            .map_err(|error| DatabaseError::new(format!("the connection URL cannot be read: {error}")))?;
        if verify {
            config.ssl_mode(SslMode::Require);
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(Duration::from_secs(10));
        }
        config.application_name("elt");
        notice_silence(&mut config);
        let client_config = tls::client_config(verify, root_certificate.as_deref())?;
        Ok(Self { config, tls: MakeRustlsConnect::new(client_config) })
    }

    /// To a server that listens on a unix socket in `socket_dir`.
    pub fn from_socket(socket_dir: &std::path::Path, port: u16, user: &str, database: &str) -> Self {
        let mut config = Config::new();
        config
            .host_path(socket_dir)
            .port(port)
            .user(user)
            .dbname(database)
            .ssl_mode(SslMode::Disable)
            .connect_timeout(Duration::from_secs(10))
            .application_name("elt");
        let client_config = tls::client_config(false, None).expect("the unverified form reads no file");
        Self { config, tls: MakeRustlsConnect::new(client_config) }
    }

    /// The same server, another database.
    pub fn with_database(&self, database: &str) -> Self {
        let mut connector = self.clone();
        connector.config.dbname(database);
        connector
    }

    /// The same database as another user, without password (the embedded cluster trusts its socket).
    pub fn with_user(&self, user: &str) -> Self {
        let mut connector = self.clone();
        connector.config.user(user);
        connector
    }

    /// Server settings for every session of this connector, as `-c name=value`.
    pub fn with_setting(&self, name: &str, value: &str) -> Self {
        let mut connector = self.clone();
        let value = value.replace('\\', r"\\").replace(' ', r"\ ");
        let options = match connector.config.get_options() {
            Some(before) => format!("{before} -c {name}={value}"),
            None => format!("-c {name}={value}"),
        };
        connector.config.options(options);
        connector
    }

    pub fn database(&self) -> Option<&str> {
        self.config.get_dbname()
    }

    /// Whether a server that listens on this port of this address, or without one on a socket, is surely the one
    /// that was asked for. Names are not looked up: of them nobody can be sure.
    pub(super) fn leads_to(&self, port: &str, address: &str) -> bool {
        let asked = self.config.get_ports().first().copied().unwrap_or(5432).to_string();
        let same_host = match self.config.get_hosts() {
            [Host::Unix(_)] => address.is_empty(),
            [Host::Tcp(name)] if name == "localhost" => matches!(address, "127.0.0.1" | "::1"),
            [Host::Tcp(name)] => name == address,
            _ => false,
        };
        asked == port && same_host
    }

    /// Which server it is, for people: `db.example:5432`.
    fn place(&self) -> String {
        let port = self.config.get_ports().first().copied().unwrap_or(5432);
        match self.config.get_hosts().first() {
            Some(Host::Tcp(name)) => format!("{name}:{port}"),
            Some(Host::Unix(path)) => format!("{} (port {port})", path.display()),
            None => format!("port {port}"),
        }
    }

    /// Which server it is, as a text to compare by: hosts, sockets and ports.
    pub fn server(&self) -> String {
        let hosts = self.config.get_hosts().iter().map(|host| match host {
            Host::Tcp(name) => name.clone(),
            Host::Unix(path) => path.display().to_string(),
        });
        let ports = self.config.get_ports().iter().map(u16::to_string);
        hosts.chain(ports).collect::<Vec<_>>().join(" ")
    }

    /// Opens a session. Errors: server away, login refused, TLS refused.
    pub async fn connect(&self) -> Result<Session, DatabaseError> {
        let connected = self.config.connect(self.tls.clone()).await;
        let (client, connection) =
            connected.map_err(|error| DatabaseError::from(error).of_server(&self.place()))?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection ended");
            }
        });
        Ok(Session::new(client, self.tls.clone()))
    }

    /// Opens a session whose notifications (LISTEN) come out of the receiver. The receiver ends with the
    /// connection.
    pub async fn connect_listening(
        &self,
    ) -> Result<(Session, tokio::sync::mpsc::UnboundedReceiver<String>), DatabaseError> {
        let (client, mut connection) = self.config.connect(self.tls.clone()).await?;
        let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
        tokio::spawn(async move {
            let messages = futures_util::stream::poll_fn(move |context| connection.poll_message(context));
            let mut messages = std::pin::pin!(messages);
            while let Some(message) = futures_util::StreamExt::next(&mut messages).await {
                match message {
                    Ok(AsyncMessage::Notification(note)) => {
                        if sender.send(note.payload().to_owned()).is_err() {
                            return;
                        }
                    }
                    Ok(_) => {}
                    Err(error) => {
                        tracing::debug!(%error, "listening connection ended");
                        return;
                    }
                }
            }
        });
        Ok((Session::new(client, self.tls.clone()), receiver))
    }

    /// A handle that cancels what a session of a pool is running on the server.
    pub(super) fn canceller(&self, client: &tokio_postgres::Client) -> Canceller {
        Canceller::new(client.cancel_token(), self.tls.clone())
    }

    /// A pool of at most `size` sessions, for the service.
    pub fn pool(&self, size: usize) -> deadpool_postgres::Pool {
        let manager = deadpool_postgres::Manager::from_config(
            self.config.clone(),
            self.tls.clone(),
            deadpool_postgres::ManagerConfig { recycling_method: deadpool_postgres::RecyclingMethod::Fast },
        );
        deadpool_postgres::Pool::builder(manager)
            .max_size(size)
            .runtime(deadpool_postgres::Runtime::Tokio1)
            .wait_timeout(Some(Duration::from_secs(5)))
            .create_timeout(Some(Duration::from_secs(5)))
            .build()
            .expect("a pool with timeouts has a runtime")
    }
}

/// A server that is gone without a word, with its machine or the network between, is given up after a minute and a
/// half. One that works on a long query answers such questions by its system.
fn notice_silence(config: &mut Config) {
    if config.get_keepalives_idle() == Config::new().get_keepalives_idle() {
        config.keepalives_idle(Duration::from_secs(60));
    }
    if config.get_keepalives_interval().is_none() {
        config.keepalives_interval(Duration::from_secs(10));
    }
    if config.get_keepalives_retries().is_none() {
        config.keepalives_retries(3);
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(Duration::from_secs(90));
    }
}

/// Takes `sslmode=verify-*` and `sslrootcert=…` out of a URL: tokio-postgres does not know them.
fn split_tls_options(url: &str) -> (String, bool, Option<PathBuf>) {
    let mut verify = false;
    let mut root_certificate = None;
    let mut keep = |part: &str| match part.split_once('=') {
        Some(("sslmode", "verify-full" | "verify-ca")) => {
            verify = true;
            false
        }
        Some(("sslrootcert", path)) => {
            root_certificate = Some(PathBuf::from(path));
            verify = true;
            false
        }
        _ => true,
    };
    let kept = match url.split_once('?') {
        Some((base, query)) if url.contains("://") => {
            let parts: Vec<&str> = query.split('&').filter(|part| keep(part)).collect();
            if parts.is_empty() { base.to_owned() } else { format!("{base}?{}", parts.join("&")) }
        }
        None if url.contains("://") => url.to_owned(),
        _ => url.split_whitespace().filter(|part| keep(part)).collect::<Vec<_>>().join(" "),
    };
    (kept, verify, root_certificate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verify_options_are_taken_out_of_a_url() {
        let (url, verify, root) =
            split_tls_options("postgres://h/d?sslmode=verify-full&sslrootcert=/c.pem&a=b");
        assert_eq!(url, "postgres://h/d?a=b");
        assert!(verify);
        assert_eq!(root, Some(PathBuf::from("/c.pem")));
    }

    #[test]
    fn a_silent_server_is_given_up_unless_the_url_says_otherwise() {
        let idle =
            |url: &str| Connector::from_url(url).map(|made| made.config.get_keepalives_idle().as_secs());
        assert_eq!(idle("postgres://h/d").ok(), Some(60));
        assert_eq!(idle("postgres://h/d?keepalives_idle=300").ok(), Some(300));
    }

    #[test]
    fn a_bad_url_is_refused_without_repeating_its_password() {
        let Err(error) = Connector::from_url("postgres://user:s3cret@host:notaport/db") else {
            panic!("accepted");
        };
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }
}
