//! A proxy between a client and a server, with the weather of a bad network.

use std::future::pending;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What the network does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a trouble of its own, and they come together")]
pub(crate) struct Weather {
    /// Connections are reset, and none is taken.
    pub(crate) cut: bool,
    /// What the client sends arrives nowhere, without a word.
    pub(crate) deaf: bool,
    /// What the server sends arrives nowhere, without a word.
    pub(crate) mute: bool,
    /// Each way takes so long.
    pub(crate) delay: Duration,
    /// One piece in so many is as late as one that was lost and sent again; 0 for none.
    pub(crate) lost_one_in: u64,
    /// Bytes a second, each way; 0 for as many as there are.
    pub(crate) bytes_per_sec: u64,
    /// New connections begin with nonsense.
    pub(crate) garbage: bool,
}

/// What a piece that was lost waits for, until it is sent again.
const SENT_AGAIN_AFTER: Duration = Duration::from_millis(220);
const PIECE_BYTES: usize = 16 * 1024;

/// A running proxy.
#[derive(Debug)]
pub(crate) struct Proxy {
    address: SocketAddr,
    weather: watch::Sender<Weather>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// A proxy before a server.
    pub(crate) async fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (weather, seen) = watch::channel(Weather::default());
        let pieces = Arc::new(AtomicU64::new(0));
        let task = tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.expect("accepts");
                tokio::spawn(connection(client, server, seen.clone(), Arc::clone(&pieces)));
            }
        });
        Self { address, weather, task }
    }

    /// Where clients find the server.
    pub(crate) fn url(&self) -> String {
        format!("nats://{}", self.address)
    }

    /// From now on the network is like this.
    pub(crate) fn set(&self, weather: Weather) {
        self.weather.send_replace(weather);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn connection(
    mut client: TcpStream,
    server: SocketAddr,
    weather: watch::Receiver<Weather>,
    pieces: Arc<AtomicU64>,
) {
    let now = *weather.borrow();
    if now.cut {
        return;
    }
    if now.garbage {
        client.write_all(b"\x16\x03\x01 +OK -ERR 'x' MSG INFO {\r\n").await.ok();
    }
    let Ok(server) = TcpStream::connect(server).await else { return };
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    let mut cut = weather.clone();
    tokio::select! {
        () = carry(from_client, to_server, weather.clone(), Arc::clone(&pieces), |weather| weather.deaf) => {}
        () = carry(from_server, to_client, weather, pieces, |weather| weather.mute) => {}
        _ = cut.wait_for(|weather| weather.cut) => {}
    }
}

/// Carries bytes one way, as the weather lets it.
async fn carry(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut weather: watch::Receiver<Weather>,
    pieces: Arc<AtomicU64>,
    swallows: fn(&Weather) -> bool,
) {
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let Ok(length @ 1..) = from.read(&mut piece).await else { return };
        let now = *weather.borrow();
        let nth = pieces.fetch_add(1, Ordering::Relaxed);
        let mut wait = now.delay;
        if now.lost_one_in > 0 && nth.is_multiple_of(now.lost_one_in) {
            wait += SENT_AGAIN_AFTER;
        }
        if now.bytes_per_sec > 0 {
            wait += Duration::from_secs_f64(length as f64 / now.bytes_per_sec as f64);
        }
        pass(wait).await;
        // As a network that comes back: what was on its way waits, and arrives.
        if weather.wait_for(|weather| !swallows(weather)).await.is_err()
            || to.write_all(&piece[..length]).await.is_err()
        {
            return;
        }
    }
}

/// Lets time pass, where that is what is tried.
pub(crate) async fn pass(span: Duration) {
    if !span.is_zero() {
        tokio::time::timeout(span, pending::<()>()).await.ok();
    }
}
