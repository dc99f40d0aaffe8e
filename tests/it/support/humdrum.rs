//! `humdrum run` as a process of its own, ended by its own pid.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};

use super::files::{read, write};
use super::nats::signal;
use super::{free_address, under, until};

/// The binary, running. It ends with the value.
#[derive(Debug)]
pub(crate) struct Humdrum {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Humdrum {
    /// Starts it in this directory with these settings, which name no listener, and waits until its metrics are served.
    pub(crate) async fn start(dir: &Path, settings: &str) -> Self {
        Self::start_under(&[], dir, settings).await
    }

    /// The same, started by other programs.
    pub(crate) async fn start_under(before: &[String], dir: &Path, settings: &str) -> Self {
        let (address, log) = (free_address(), dir.join("log"));
        write(
            &dir.join("humdrum.toml"),
            format!("{settings}[metrics]\nlisten = '{address}'\n[console]\nlisten = 'off'\n"),
        );
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut child = under(before, Path::new(env!("CARGO_BIN_EXE_humdrum")))
            .args(["run", "--config", "humdrum.toml"])
            .current_dir(dir)
            .env_clear()
            .env("PATH", path)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::OpenOptions::new().create(true).append(true).open(&log).expect("a log"))
            .spawn()
            .expect("the binary runs");
        rustls::crypto::ring::default_provider().install_default().ok();
        let http = reqwest::Client::new();
        until("the metrics of humdrum", || {
            let runs = child.try_wait().expect("can be asked").is_none();
            assert!(runs, "humdrum ended at its start:\n{}", read(&log));
            let answer = http.get(format!("http://{address}/metrics")).send();
            async { answer.await.is_ok_and(|answer| answer.status().is_success()) }
        })
        .await;
        Self { child, address }
    }

    /// Waits until it says that it is ready.
    pub(crate) async fn ready(&self) {
        until("humdrum to be ready", || async {
            let answer = reqwest::get(format!("http://{}/readyz", self.address)).await;
            answer.is_ok_and(|answer| answer.status().is_success())
        })
        .await;
    }

    /// What a scraper reads.
    pub(crate) async fn scrape(&self) -> String {
        let answer = reqwest::get(format!("http://{}/metrics", self.address)).await.expect("answers");
        answer.text().await.expect("text")
    }

    /// The sum of all series that begin like this: a name, or a name with its first labels.
    pub(crate) async fn figure(&self, series: &str) -> f64 {
        let text = self.scrape().await;
        let values = text.lines().filter(|line| line.starts_with(series)).filter_map(|line| line.rsplit(' ').next());
        values.map(|value| value.parse::<f64>().expect("a number")).sum()
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it at once with SIGKILL, as a power cut would.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("can be killed");
        self.child.wait().expect("ends");
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    /// Asks it with SIGTERM to end, and waits for that.
    pub(crate) async fn terminate(mut self) -> ExitStatus {
        self.signal("TERM");
        until("the end of humdrum", || {
            let ended = self.child.try_wait().expect("can be asked").is_some();
            async move { ended }
        })
        .await;
        self.child.wait().expect("ended")
    }
}

impl Drop for Humdrum {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
