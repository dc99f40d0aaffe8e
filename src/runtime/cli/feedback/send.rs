//! The way to the running engine: a request over NATS, and its answer.

use std::time::Duration;

use anyhow::{Context, anyhow};
use async_nats::client::RequestErrorKind;
use async_nats::{Client, Request};
use serde_json::{Value, json};

use crate::alert::Feedback;
use crate::config::Config;
use crate::event::subject::encode_token;
use crate::runtime::cli::failure::Failure;
use crate::runtime::feedback::desk::Reply;
use crate::runtime::health::HealthState;
use crate::runtime::nats::connect::connect_once;

/// Time for an answer. The engine itself gives up earlier.
const PATIENCE: Duration = Duration::from_secs(8);

/// A connection over which the engine of a tenant is asked.
pub(super) struct Asks {
    runtime: tokio::runtime::Runtime,
    client: Client,
    subject: String,
}

impl Asks {
    /// Connects as the settings say.
    pub(super) fn open(config: &Config, tenant: &str) -> Result<Self, Failure> {
        drop(rustls::crypto::ring::default_provider().install_default());
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .context("the threads for input and output cannot be started")?;
        let connected = prometheus::IntGauge::new("connected", "1 while connected").context("a gauge")?;
        let connection = runtime.block_on(connect_once(&config.nats, &HealthState::new(None), &connected));
        let client = connection.context("NATS is not there; name it with `--nats URL`")?;
        let subject = format!("{}.{}", config.alerts.feedback_prefix, encode_token(tenant));
        Ok(Self { runtime, client, subject })
    }

    /// Says a record, or asks what it would have changed.
    pub(super) fn say(&self, record: &Feedback, preview: bool) -> Result<Reply, Failure> {
        let mut body = serde_json::to_value(record).context("a record cannot be written as JSON")?;
        if preview && let Value::Object(fields) = &mut body {
            fields.insert("ask".to_owned(), json!("preview"));
        }
        self.ask(&body)
    }

    /// Asks for the decisions.
    pub(super) fn list(&self) -> Result<Reply, Failure> {
        self.ask(&json!({ "ask": "list" }))
    }

    fn ask(&self, body: &Value) -> Result<Reply, Failure> {
        let request = Request::new().payload(body.to_string().into()).timeout(Some(PATIENCE));
        let answer = self.runtime.block_on(self.client.send_request(self.subject.clone(), request));
        let message = answer.map_err(|error| match error.kind() {
            RequestErrorKind::NoResponders => {
                anyhow!("nobody listens on `{}`; is `humdrum run` running on this NATS?", self.subject)
            }
            RequestErrorKind::TimedOut => anyhow!("humdrum did not answer in time; say it again"),
            _ => anyhow!("humdrum cannot be asked: {error}"),
        })?;
        Ok(serde_json::from_slice(&message.payload).context("the answer is none of humdrum's")?)
    }
}

/// The id of a record: its content and its time, so that what is sent twice is known again.
pub(super) fn identity(record: &Feedback) -> String {
    let text = serde_json::to_vec(&Feedback { id: String::new(), ..record.clone() }).unwrap_or_default();
    format!("fb-{}", &blake3::hash(&text).to_hex()[..16])
}
