//! Starts and stops the HTTP server. It listens for no signals: who started it stops it.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_cors::Cors;
use actix_http::Request;
use actix_service::apply_fn_factory;
use actix_web::dev::ServerHandle;
use actix_web::http::Method;
use actix_web::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, IF_NONE_MATCH};
use actix_web::middleware::Condition;
use actix_web::{App, HttpServer, web};
use tokio::net::TcpSocket;
use tokio::sync::oneshot;
use tokio::task::{AbortHandle, JoinHandle};
use tokio_util::sync::CancellationToken;

use super::door::Door;
use super::refresh::Refresh;
use super::routes::{elsewhere, routes};
use super::state::State;
use super::{ServiceError, Settings};
use crate::database::Reader;
use crate::pipeline::Pipeline;
use crate::token::Keyring;

/// Connections that wait to be accepted.
const BACKLOG: u32 = 2048;

/// How long the start waits for the database; after that the service starts without.
const FIRST_READ: Duration = Duration::from_secs(3);

/// A service that listens. Dropping it stops it without waiting for what it began.
pub struct Running {
    /// Where it listens; with the port that was chosen for port 0.
    pub addr: SocketAddr,
    handle: ServerHandle,
    server: JoinHandle<io::Result<()>>,
    refresh: AbortHandle,
    stopping: CancellationToken,
}

/// Binds, reads the published data if it can, and answers. Must be called within a tokio runtime, on which
/// runs then live. An absent database is no error: lookups answer 503 until it is there.
pub async fn start(
    settings: Settings,
    reader: Reader,
    pipeline: Arc<dyn Pipeline>,
    keyring: Arc<dyn Keyring>,
) -> Result<Running, ServiceError> {
    let listener = listen(&settings.host, settings.port).await?;
    let addr = listener.local_addr().map_err(ServiceError::Server)?;
    let state = Arc::new(State::new(&settings, reader.clone(), pipeline, tokio::runtime::Handle::current()));
    let server = serve(&settings, listener, state.clone())?;
    let handle = server.handle();
    let server = tokio::spawn(server);
    let stopping = state.stopping.clone();

    let (first, read) = oneshot::channel();
    let interval = settings.refresh_interval;
    let refresh = tokio::spawn(Refresh { state, reader, keyring, interval }.keep(first)).abort_handle();
    if tokio::time::timeout(FIRST_READ, read).await.is_err() {
        tracing::warn!("the database did not answer yet; lookups wait for it");
    }
    Ok(Running { addr, handle, server, refresh, stopping })
}

impl Running {
    /// Waits until the server ends by itself, which it does only when it fails.
    pub async fn wait(&mut self) -> Result<(), ServiceError> {
        match (&mut self.server).await {
            Ok(ended) => ended.map_err(ServiceError::Server),
            Err(panic) => Err(ServiceError::Server(io::Error::other(panic))),
        }
    }

    /// Takes no new connections, finishes the requests that it began (up to the settings' `stop_timeout`),
    /// ends. A run that a request waits for counts as begun; a run that outlasts the wait goes on.
    pub async fn stop(self) {
        self.stopping.cancel();
        self.handle.stop(true).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.refresh.abort();
        self.stopping.cancel();
        // The order is sent by the call; the future only waits for the end.
        drop(self.handle.stop(false));
    }
}

fn serve(
    settings: &Settings,
    listener: std::net::TcpListener,
    state: Arc<State>,
) -> Result<actix_web::dev::Server, ServiceError> {
    let cors = settings.cors.clone();
    let server = HttpServer::new(move || {
        let app = App::new()
            .app_data(web::Data::from(state.clone()))
            .configure(routes)
            .default_service(elsewhere())
            .wrap(Condition::new(!cors.is_empty(), others(&cors)));
        let (counts, others) = (state.metrics.counts(), !cors.is_empty());
        let door = Rc::new(Door { state: state.clone(), counts, others });
        apply_fn_factory(app, move |request: Request, app: &_| door.enter(request, app))
    })
    .disable_signals()
    .client_request_timeout(settings.header_timeout)
    .keep_alive(settings.keep_alive)
    .shutdown_timeout(settings.stop_timeout.as_secs());
    let server = match settings.workers {
        Some(workers) => server.workers(workers.max(1)),
        None => server,
    };
    Ok(server.listen(listener).map_err(ServiceError::Server)?.run())
}

/// What pages of other sites may ask, and read of the answers.
fn others(origins: &[String]) -> Cors {
    let cors = origins.iter().fold(Cors::default(), |cors, origin| cors.allowed_origin(origin));
    cors.allowed_methods([Method::GET, Method::HEAD, Method::POST])
        .allowed_headers([AUTHORIZATION, ACCEPT, CONTENT_TYPE, IF_NONE_MATCH])
        .allowed_headers(["prefer", "traceparent", "tracestate", "x-request-id", "last-event-id"])
        .expose_headers(["etag", "link", "elt-run", "elt-more", "location", "retry-after", "x-request-id"])
        .expose_headers(["allow", "preference-applied", "www-authenticate"])
        .max_age(3600)
}

/// The first address of the host that can be listened on.
pub(super) async fn listen(host: &str, port: u16) -> Result<std::net::TcpListener, ServiceError> {
    let refused = |source: io::Error| match source.kind() {
        io::ErrorKind::AddrInUse => ServiceError::PortTaken { host: host.to_owned(), port },
        _ => ServiceError::Listen { host: host.to_owned(), port, source },
    };
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in tokio::net::lookup_host((host, port)).await.map_err(refused)? {
        match bind(address) {
            Ok(listener) => return Ok(listener),
            Err(error) => last = error,
        }
    }
    Err(refused(last))
}

fn bind(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A service that is started again must not wait for the old connections' last minute.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)?.into_std()
}
