//! The console: pages for whoever was just paged, and for whoever leads the bots' team on Monday.
//!
//! Pages are made on the server and complete without a script; a small one keeps them fresh ([`live`]). They are made of
//! three things: what the engine knows (asked over [`Inquiry`]), the alerts of the last while ([`Archive`]), and events
//! read back ([`Evidence`]). All routes only read but for those that take what a person says: these ask for the role, and hand
//! it to the desk that the command line and the subject hand it to ([`Feedbacks`]).
//!
//! Whatever a bot wrote is text: templates escape it, drawings hold it in text nodes only, and the policy of each answer
//! lets no script and no style run but the two files that are served here ([`guard`]). A listener beyond loopback needs TLS
//! and users ([`access`]), and answers to the names that it is known by and to no others.

mod access;
mod api;
mod asked;
mod desk;
mod draw;
mod fault;
mod glance;
mod guard;
mod live;
mod lookup;
mod pages;
mod pulse;
mod roster;
mod routes;
mod rows;
mod say;
mod spoken;
mod story;
mod tls;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::archive::Archive;
use super::evidence::Evidence;
use super::feedback::desk::Feedbacks;
use super::health::HealthState;
use super::http::{BindError, HttpParams, HttpServer};
use super::inquiry::Inquiry;
use crate::config::ConsoleConfig;
pub use access::{UsersError, hash};
pub use tls::TlsError;

use access::Access;
use desk::Desk;
use guard::Guard;

/// Time that a connection is kept: pages on it stay live for as long, then the browser makes another one.
const CONNECTION_AGE_MAX: Duration = Duration::from_secs(120);
/// Time that readers have at the stop. Most pages are written in less; one who does not read would hold it up.
const STOP_GRACE: Duration = Duration::from_millis(200);
/// Connections at a time. A browser opens up to six.
const CONNECTIONS_MAX: usize = 256;

/// What the console shows.
#[derive(Clone, Debug)]
pub struct ConsoleParts {
    /// The engine.
    pub inquiry: Inquiry,
    /// What is said to it.
    pub feedbacks: Feedbacks,
    /// The alerts.
    pub archive: Archive,
    /// The events.
    pub evidence: Evidence,
    /// The process; none where there is no stream to fall behind of.
    pub health: Option<HealthState>,
}

/// The console cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ConsoleError {
    /// The address.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The users.
    #[error(transparent)]
    Users(#[from] UsersError),
    /// Certificate or key.
    #[error("the console cannot speak TLS: {0}")]
    Tls(#[from] TlsError),
}

/// A running console.
#[derive(Debug)]
pub struct Console {
    server: HttpServer,
    stopping: CancellationToken,
}

impl Console {
    /// Opens the listener and serves.
    ///
    /// # Errors
    /// The address is taken, or users, certificate or key cannot be used.
    pub async fn start(config: &ConsoleConfig, parts: ConsoleParts) -> Result<Self, ConsoleError> {
        let access = Arc::new(Access::open(config.users_file.as_deref())?);
        let tls = config.tls.as_ref().map(|(cert, key)| tls::load(cert, key)).transpose()?;
        let stopping = CancellationToken::new();
        let desk = Arc::new(Desk::new(parts, access, stopping.clone()));
        tokio::spawn(roster::keep(Arc::clone(&desk), stopping.clone()));
        let router = routes::router(desk, Guard::new(config.hosts.clone(), tls.is_some()));
        let http = HttpParams {
            deadline: CONNECTION_AGE_MAX,
            keep_alive: true,
            connections_max: CONNECTIONS_MAX,
            ..HttpParams::default()
        };
        let server = HttpServer::serve("console", config.listen, http, router, tls).await?;
        Ok(Self { server, stopping })
    }

    /// The address that it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Ends what is live, and waits a little for what is being answered.
    pub async fn stop(self) {
        self.stopping.cancel();
        self.server.stop_within(STOP_GRACE).await;
    }
}

impl Drop for Console {
    /// A console that is dropped without a stop leaves no listener and no stream.
    fn drop(&mut self) {
        self.stopping.cancel();
        self.server.cut_off();
    }
}
