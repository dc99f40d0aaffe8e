//! HTTP listeners that nobody can hold on to, and the one for metrics: `/metrics`, `/healthz` and `/readyz`, on an address of
//! their own.
//!
//! The metrics listener has to answer when everything else is in trouble, and it must not be the trouble itself. So it shares nothing
//! with the event path, holds at most [`HttpParams::connections_max`] connections, bounds the header, and gives each
//! connection one request and one deadline: a socket that stays silent, a header that trickles and a reader that does
//! not read all end the same way, when [`HttpParams::deadline`] is over. Connections are not kept alive: a scraper that
//! comes every few seconds over loopback loses nothing by it, and an idle connection holds no slot.

mod routes;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Whether the process can do its work; asked for each `/readyz`, so the answer must be at hand.
pub trait Readiness: Send + Sync + 'static {
    /// Ready, or every reason why not.
    ///
    /// # Errors
    /// A sentence for each thing that is missing.
    fn readiness(&self) -> Result<(), Vec<String>>;

    /// What is wrong without being in the way of the service.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }
}

impl<F: Fn() -> Result<(), Vec<String>> + Send + Sync + 'static> Readiness for F {
    fn readiness(&self) -> Result<(), Vec<String>> {
        self()
    }
}

/// Bounds of the listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpParams {
    /// Time that a connection has from its first packet to its last.
    pub deadline: Duration,
    /// Time that a request's head may take, and that a connection may wait for one.
    pub head_deadline: Duration,
    /// Whether a connection may bring more than one request.
    pub keep_alive: bool,
    /// Connections that are served at a time; further ones wait in the system's backlog.
    pub connections_max: usize,
    /// Bytes of a request's head.
    pub head_bytes_max: usize,
}

/// Headers that a request may have. Scrapers send about ten.
const HEADERS_MAX: usize = 64;

/// Pause after a failed accept, in milliseconds. Without one, a process out of file descriptors would spin.
const ACCEPT_PAUSE_MS: u64 = 100;

impl Default for HttpParams {
    fn default() -> Self {
        let deadline = Duration::from_secs(5);
        Self { deadline, head_deadline: deadline, keep_alive: false, connections_max: 256, head_bytes_max: 16 * 1024 }
    }
}

/// The listener cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("{listener} listener cannot be opened on {address}")]
pub struct BindError {
    /// Whose listener.
    pub listener: &'static str,
    /// The address that was asked for.
    pub address: SocketAddr,
    /// Why not.
    pub source: io::Error,
}

/// Who is at the other end of a connection: a person's machine, or the proxy before us. It stands in the extensions of each
/// request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// A running listener. Dropping it lets the tasks run on until the runtime ends; [`HttpServer::stop`] ends them.
pub struct HttpServer {
    address: SocketAddr,
    stopping: CancellationToken,
    aborting: CancellationToken,
    tasks: TaskTracker,
}

impl fmt::Debug for HttpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpServer").field("address", &self.address).finish_non_exhaustive()
    }
}

impl HttpServer {
    /// Opens the listener for metrics and serves until [`HttpServer::stop`].
    ///
    /// # Errors
    /// The address is taken, or not ours to listen on.
    pub async fn start(
        address: SocketAddr,
        params: HttpParams,
        metrics: prometheus::Registry,
        readiness: Arc<dyn Readiness>,
    ) -> Result<Self, BindError> {
        Self::serve("metrics", address, params, routes::router(metrics, readiness), None).await
    }

    /// Opens a listener of some name for some routes, with TLS where that is given, and serves until
    /// [`HttpServer::stop`].
    ///
    /// # Errors
    /// The address is taken, or not ours to listen on.
    pub async fn serve(
        name: &'static str,
        address: SocketAddr,
        params: HttpParams,
        router: Router,
        tls: Option<Arc<rustls::ServerConfig>>,
    ) -> Result<Self, BindError> {
        let fault = |source| BindError { listener: name, address, source };
        let listener = TcpListener::bind(address).await.map_err(fault)?;
        let address = listener.local_addr().map_err(fault)?;
        let (stopping, aborting, tasks) = (CancellationToken::new(), CancellationToken::new(), TaskTracker::new());
        let acceptor = Acceptor {
            name,
            router,
            params,
            tls: tls.map(TlsAcceptor::from),
            slots: Arc::new(Semaphore::new(params.connections_max)),
            stopping: stopping.clone(),
            aborting: aborting.clone(),
            tasks: tasks.clone(),
        };
        tasks.spawn(acceptor.run(listener));
        Ok(Self { address, stopping, aborting, tasks })
    }

    /// The address that it listens on, with the port that the system chose where 0 was asked for.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more connections and waits for those that are open, which their deadline bounds.
    pub async fn stop(self) {
        self.close();
        self.tasks.wait().await;
    }

    /// The same for no longer than a grace: what is open by then is cut off.
    pub async fn stop_within(&self, grace: Duration) {
        self.close();
        if timeout(grace, self.tasks.wait()).await.is_err() {
            self.cut_off();
            self.tasks.wait().await;
        }
    }

    /// Cuts all connections off, and takes no more.
    pub fn cut_off(&self) {
        self.close();
        self.aborting.cancel();
    }

    fn close(&self) {
        self.stopping.cancel();
        self.tasks.close();
    }
}

#[derive(Clone)]
struct Acceptor {
    name: &'static str,
    router: Router,
    params: HttpParams,
    tls: Option<TlsAcceptor>,
    slots: Arc<Semaphore>,
    stopping: CancellationToken,
    aborting: CancellationToken,
    tasks: TaskTracker,
}

impl Acceptor {
    async fn run(self, listener: TcpListener) {
        let stopping = self.stopping.clone();
        let accept = async {
            // The semaphore is never closed.
            while let Ok(slot) = Arc::clone(&self.slots).acquire_owned().await {
                match listener.accept().await {
                    Ok((stream, peer)) => self.serve(stream, Peer(peer), slot),
                    Err(error) => {
                        tracing::warn!(%error, listener = self.name, "a connection cannot be accepted");
                        tokio::time::sleep(Duration::from_millis(ACCEPT_PAUSE_MS)).await;
                    }
                }
            }
        };
        tokio::select! {
            () = stopping.cancelled() => {}
            () = accept => {}
        }
    }

    fn serve(&self, stream: TcpStream, peer: Peer, slot: OwnedSemaphorePermit) {
        let (own, deadline) = (self.clone(), self.params.deadline);
        self.tasks.spawn(async move {
            let served = async {
                match &own.tls {
                    None => own.connection(stream, peer).await,
                    Some(tls) => match timeout(own.params.head_deadline, tls.accept(stream)).await {
                        Ok(Ok(stream)) => own.connection(stream, peer).await,
                        Ok(Err(error)) => tracing::debug!(%error, listener = own.name, "no TLS on a connection"),
                        Err(_) => tracing::debug!(listener = own.name, "TLS took too long on a connection"),
                    },
                }
            };
            tokio::select! {
                () = own.aborting.cancelled() => tracing::debug!(listener = own.name, "connection is cut off"),
                served = timeout(deadline, served) => if served.is_err() {
                    tracing::debug!(listener = own.name, "connection was over its deadline");
                },
            }
            drop(slot);
        });
    }

    async fn connection(&self, stream: impl AsyncRead + AsyncWrite + Unpin, peer: Peer) {
        let router = TowerToHyperService::new(self.router.clone());
        let service = service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
            request.extensions_mut().insert(peer);
            router.call(request)
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.params.head_deadline)
            .max_headers(HEADERS_MAX)
            .max_buf_size(self.params.head_bytes_max)
            .keep_alive(self.params.keep_alive)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = std::pin::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.stopping.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, listener = self.name, "connection ended");
        }
    }
}
