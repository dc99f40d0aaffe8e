//! `humdrum run`: NATS in, alerts out, until it is told to stop.
//!
//! The seam between the command line and the [`App`]: settings are read and checked here, the metrics listener is
//! opened here, and all work is the app's.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use anyhow::Context;
use clap::Args;

use super::failure::Failure;
use super::settings::{self, Secrets, SettingsArgs};
use crate::config::{Config, Flag};
use crate::registry::Registry;
use crate::runtime::app::{self, App};
use crate::runtime::health::HealthState;
use crate::runtime::http::{HttpParams, HttpServer, Readiness};

/// Watch: events in from NATS, alerts out, metrics and console served, until SIGTERM.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  humdrum run\n  humdrum run --nats nats://10.0.0.5:4222 --state-dir /var/lib/humdrum\n  \
    HUMDRUM_NATS_URL=tls://nats.example.com humdrum run --config humdrum.toml\n\n\
    `humdrum check --print-defaults` lists the settings. On SIGTERM it finishes, keeps its state, and ends with status 0."
)]
pub(super) struct RunArgs {
    #[command(flatten)]
    settings: SettingsArgs,
    /// NATS servers, comma-separated
    #[arg(long, value_name = "URL")]
    nats: Option<String>,
    /// Registry of bots (NDJSON)
    #[arg(long, value_name = "FILE")]
    registry: Option<PathBuf>,
    /// Directory of snapshots
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// Address of `/metrics`, `/healthz` and `/readyz`, or `off`
    #[arg(long, value_name = "ADDRESS")]
    metrics_listen: Option<String>,
    /// Address of the console, or `off`
    #[arg(long, value_name = "ADDRESS")]
    console_listen: Option<String>,
}

impl RunArgs {
    fn flags(&self) -> Vec<Flag> {
        [
            settings::flag("--nats", "nats.url", self.nats.as_ref()),
            settings::flag("--registry", "registry", self.registry.as_ref()),
            settings::flag("--state-dir", "state.dir", self.state_dir.as_ref()),
            settings::flag("--metrics-listen", "metrics.listen", self.metrics_listen.as_ref()),
            settings::flag("--console-listen", "console.listen", self.console_listen.as_ref()),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// Runs until told to stop.
pub(super) fn run(args: &RunArgs) -> Result<(), Failure> {
    let config = args.settings.load(args.flags(), Secrets::Needed)?;
    let bots = settings::registry(&config)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("humdrum-io")
        .build()
        .context("the threads for input and output cannot be started")?;
    Ok(runtime.block_on(serve(config, bots))?)
}

/// The app's health, once there is an app.
struct Page(Arc<OnceLock<HealthState>>);

impl Readiness for Page {
    fn readiness(&self) -> Result<(), Vec<String>> {
        self.0.get().map_or_else(|| Err(vec!["starting".to_owned()]), HealthState::readiness)
    }

    fn notes(&self) -> Vec<String> {
        self.0.get().map(HealthState::notes).unwrap_or_default()
    }
}

/// Serves metrics from the first moment, so that a long start can be watched, and the app until a signal.
async fn serve(config: Config, bots: Registry) -> anyhow::Result<()> {
    let metrics = prometheus::Registry::new();
    let health: Arc<OnceLock<HealthState>> = Arc::default();
    let http = match config.metrics_listen {
        None => None,
        Some(address) => {
            let page = Arc::new(Page(Arc::clone(&health)));
            let server = HttpServer::start(address, HttpParams::default(), metrics.clone(), page).await?;
            tracing::info!(address = %server.address(), "metrics are served");
            Some(server)
        }
    };
    let app = App::start(config, bots, &metrics).await?;
    health.get_or_init(|| app.health());
    let ended = app::stop_at_signal(app).await;
    if let Some(http) = http {
        http.stop().await;
    }
    ended
}
