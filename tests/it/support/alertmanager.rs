//! A real Alertmanager, one for each test: its own port, its own directory, ended by its own pid.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::files::{read, write};
use super::{free_address, until};

/// Said where it is missing.
const INSTALL: &str = "install Alertmanager (Debian: `apt-get install prometheus-alertmanager`)";
/// Groups alerts of one incident and tells nobody.
const CONFIG: &str = "route: {receiver: nobody, group_by: [incident], group_wait: 0s, group_interval: 1s}\n\
    receivers: [{name: nobody}]\n";

/// A running server. It ends with the value.
#[derive(Debug)]
pub(crate) struct Alertmanager {
    child: Child,
    address: SocketAddr,
    http: reqwest::Client,
    _dir: TempDir,
}

impl Alertmanager {
    pub(crate) async fn start() -> Self {
        rustls::crypto::ring::default_provider().install_default().ok();
        let (dir, address) = (tempfile::tempdir().expect("a directory"), free_address());
        write(&dir.path().join("alertmanager.yml"), CONFIG);
        let mut child = spawn(dir.path(), address);
        let http = reqwest::Client::new();
        let ready = format!("http://{address}/-/ready");
        let log = dir.path().join("log");
        until("alertmanager", || {
            let runs = child.try_wait().expect("can be asked").is_none();
            assert!(runs, "alertmanager ended at its start: {}", read(&log));
            let answer = http.get(&ready).send();
            async { answer.await.is_ok_and(|answer| answer.status().is_success()) }
        })
        .await;
        Self { child, address, http, _dir: dir }
    }

    /// Its address for Humdrum.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it holds for active.
    pub(crate) async fn alerts(&self) -> Vec<Value> {
        self.get("alerts").await
    }

    /// The same by its groups.
    pub(crate) async fn groups(&self) -> Vec<Value> {
        self.get("alerts/groups").await
    }

    async fn get(&self, path: &str) -> Vec<Value> {
        let answer = self.http.get(format!("{}/api/v2/{path}", self.url())).send().await.expect("answers");
        answer.json().await.expect("a list")
    }
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn spawn(dir: &Path, address: SocketAddr) -> Child {
    let program =
        std::env::var_os("ALERTMANAGER_BIN").map_or_else(|| PathBuf::from("prometheus-alertmanager"), PathBuf::from);
    let log = std::fs::OpenOptions::new().create(true).append(true).open(dir.join("log")).expect("a log");
    Command::new(&program)
        .arg(format!("--config.file={}", dir.join("alertmanager.yml").display()))
        .arg(format!("--storage.path={}", dir.join("store").display()))
        .arg(format!("--web.listen-address={address}"))
        .arg("--cluster.listen-address=")
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}; {INSTALL} or set ALERTMANAGER_BIN", program.display()))
}
