//! A real nats-server, one for each test: its own port, its own JetStream directory, ended by its own pid.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use async_nats::Client;
use async_nats::jetstream::{self, Context};
use tempfile::TempDir;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use super::files::write;
use super::{free_address, under, until};

/// A running server. It ends with the value.
#[derive(Debug)]
pub(crate) struct NatsServer {
    child: Child,
    port: u16,
    dir: TempDir,
    arguments: Vec<String>,
    /// The file of its settings, and where it lies.
    settings: Option<(TempDir, PathBuf)>,
}

impl NatsServer {
    /// Starts a server with JetStream and waits until it takes connections.
    pub(crate) async fn start() -> Self {
        Self::start_with(&["-js"]).await
    }

    /// Starts a server with these arguments besides address, port and directory.
    pub(crate) async fn start_with(arguments: &[&str]) -> Self {
        let port = free_address().port();
        let dir = tempfile::tempdir().expect("a directory");
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        let child = spawn(port, &dir, &arguments);
        let mut server = Self { child, port, dir, arguments, settings: None };
        server.wait().await;
        server
    }

    /// Starts a server whose program another one starts, which is told where the server's directory is.
    pub(crate) async fn start_under(before: impl Fn(&Path) -> Vec<String>, arguments: &[&str]) -> Self {
        let (port, dir) = (free_address().port(), tempfile::tempdir().expect("a directory"));
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        let child = spawn_under(&before(dir.path()), port, &dir, &arguments);
        let mut server = Self { child, port, dir, arguments, settings: None };
        server.wait().await;
        server
    }

    /// Starts three servers that are one cluster.
    pub(crate) async fn start_three() -> Vec<Self> {
        let routes: Vec<String> = (0..3).map(|_| format!("nats://{}", free_address())).collect();
        let all = routes.join(",");
        let mut servers = Vec::new();
        for (nth, route) in routes.iter().enumerate() {
            let name = format!("n{nth}");
            let cluster = ["-js", "-n", &name, "--cluster_name", "c", "--cluster", route, "--routes", &all];
            servers.push(Self::start_with(&cluster).await);
        }
        servers
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its directory.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Whether it runs.
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("can be asked").is_none()
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    /// Its address.
    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// Starts a server with these settings and JetStream.
    pub(crate) async fn start_configured(settings: &str) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("nats.conf");
        write(&file, settings);
        let mut server = Self::start_with(&["-js", "-c", &file.to_string_lossy()]).await;
        server.settings = Some((dir, file));
        server
    }

    /// Has a server that was started with settings take others.
    pub(crate) fn reload(&self, settings: &str) {
        let (_, file) = self.settings.as_ref().expect("started with settings");
        write(file, settings);
        self.signal("HUP");
    }

    /// What a server that was killed has stored.
    pub(crate) fn copy(&self) -> TempDir {
        let copy = tempfile::tempdir().expect("a directory");
        copy_over(self.dir.path(), copy.path());
        copy
    }

    /// Gives a server that was killed what it had stored before.
    pub(crate) fn restore(&self, copy: &TempDir) {
        let cleared = Command::new("sh").args(["-c", "rm -rf ./*"]).current_dir(self.dir.path()).status();
        assert!(cleared.expect("a shell").success());
        copy_over(copy.path(), self.dir.path());
    }

    /// Address for clients.
    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Ends the server at once, as a power cut would.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("can be killed");
        self.child.wait().expect("ends");
    }

    /// Starts it again on the same port and directory.
    pub(crate) async fn start_again(&mut self) {
        self.child = spawn(self.port, &self.dir, &self.arguments);
        self.wait().await;
    }

    /// A connection of the test's own.
    pub(crate) async fn client(&self) -> Client {
        async_nats::connect(self.url()).await.expect("connects")
    }

    /// JetStream on a connection of the test's own.
    pub(crate) async fn jetstream(&self) -> Context {
        jetstream::new(self.client().await)
    }

    async fn wait(&mut self) {
        let (port, child) = (self.port, &mut self.child);
        until("the nats-server", || {
            assert!(child.try_wait().expect("can be asked").is_none(), "nats-server ended at its start");
            greeting(port)
        })
        .await;
    }
}

/// What the stream of alerts holds, as it stands there, in order.
pub(crate) async fn alerts(server: &NatsServer) -> Vec<String> {
    let stream = server.jetstream().await.get_stream("HUMDRUM_ALERTS").await.expect("exists");
    let mut alerts = Vec::new();
    for sequence in 1..=stream.cached_info().state.last_sequence {
        let message = stream.get_raw_message(sequence).await.expect("is there");
        alerts.push(String::from_utf8(message.payload.to_vec()).expect("UTF-8"));
    }
    alerts
}

/// Whether the server greets whoever comes, which it does before it asks for a password or for TLS.
async fn greeting(port: u16) -> bool {
    let Ok(mut connection) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await else { return false };
    let mut word = [0; 4];
    connection.read_exact(&mut word).await.is_ok() && &word == b"INFO"
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn copy_over(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").arg(from.join(".")).arg(to).status();
    assert!(copied.expect("cp runs").success());
}

/// Sends a process a signal.
pub(crate) fn signal(pid: u32, name: &str) {
    let asked = Command::new("sh").args(["-c", &format!("kill -{name} {pid}")]).status();
    assert!(asked.expect("a shell").success());
}

fn spawn(port: u16, dir: &TempDir, arguments: &[String]) -> Child {
    spawn_under(&[], port, dir, arguments)
}

fn spawn_under(before: &[String], port: u16, dir: &TempDir, arguments: &[String]) -> Child {
    let program = std::env::var_os("NATS_SERVER_BIN").map_or_else(|| PathBuf::from("nats-server"), PathBuf::from);
    let mut command = under(before, &program);
    command
        .args(["-a", "127.0.0.1", "-p", &port.to_string(), "-sd"])
        .arg(dir.path())
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}; set NATS_SERVER_BIN", program.display()))
}
