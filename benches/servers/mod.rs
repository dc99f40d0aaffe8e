//! Processes of the benches that measure over a real nats-server, whose program `NATS_SERVER_BIN` names.

#![expect(dead_code, reason = "each bench uses a part")]

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use async_nats::Client;

/// A process that ends with the value.
pub(crate) struct Process(Child);

impl Process {
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Sends a signal by its name, as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let asked = Command::new("kill").args([&format!("-{name}"), &self.id().to_string()]).status();
        assert!(asked.expect("kill runs").success(), "the process is gone");
    }

    /// Seconds of processors that it has used, its ended children not counted.
    pub(crate) fn on_cpu(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.id())).unwrap_or_default();
        let ticks = stat.rsplit(' ').rev().skip(13).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>();
        ticks / 100.0
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Starts a command that says nothing.
pub(crate) fn quiet(command: &mut Command) -> Process {
    Process(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("starts"))
}

/// The program under measurement, without this process's environment.
pub(crate) fn humdrum() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_humdrum"));
    command.env_clear();
    command
}

pub(crate) fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port()
}

/// A nats-server with JetStream that keeps its files in a directory.
pub(crate) fn nats_server(dir: &Path, port: u16) -> Process {
    let server = std::env::var_os("NATS_SERVER_BIN").map_or_else(|| PathBuf::from("nats-server"), PathBuf::from);
    let (port, store) = (port.to_string(), dir.join("js"));
    quiet(Command::new(server).args(["-js", "-a", "127.0.0.1", "-p", &port, "-sd"]).arg(&store))
}

pub(crate) async fn connect(port: u16) -> Client {
    loop {
        if let Ok(client) = async_nats::connect(format!("nats://127.0.0.1:{port}")).await {
            return client;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The sum of a metric over its labels; none as long as nobody tells.
pub(crate) fn metric(port: u16, name: &str) -> Option<f64> {
    let mut socket = std::net::TcpStream::connect(("127.0.0.1", port)).ok()?;
    socket.write_all(b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n").ok()?;
    let mut text = String::new();
    socket.read_to_string(&mut text).ok()?;
    let lines = text.lines().filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' '])));
    Some(lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum())
}
