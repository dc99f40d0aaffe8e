//! A whole site: a nats-server, `humdrum run` as a process of its own, a webhook, a chat, and a Prometheus that scrapes.

use async_nats::jetstream::Context;
use tempfile::TempDir;

use super::config::event;
use super::humdrum::Humdrum;
use super::nats::NatsServer;
use super::prometheus::Prometheus;
use super::webhook::{Answer, Endpoint};

/// What [`Site::feed`] publishes, by what must become of it.
pub(crate) const ACCEPTED: usize = 421;
pub(crate) const DUPLICATE: usize = 30;
pub(crate) const LATE: usize = 2;
pub(crate) const NOT_JSON: usize = 7;
pub(crate) const SPOOFED: usize = 4;

/// Everything, running. It ends with the value.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) prometheus: Prometheus,
    pub(crate) webhook: Endpoint,
    pub(crate) chat: Endpoint,
    pub(crate) humdrum: Humdrum,
    context: Context,
    _nats: NatsServer,
    _dir: TempDir,
}

impl Site {
    /// Starts everything and waits until Prometheus has seen Humdrum connected, with all its counters at 0. The webhook
    /// answers 500 once, so that there is a retry.
    pub(crate) async fn start() -> Self {
        rustls::crypto::ring::default_provider().install_default().ok();
        let (nats, dir) = (NatsServer::start().await, tempfile::tempdir().expect("a directory"));
        let webhook = Endpoint::start([Answer::Status(500)]).await;
        let chat = Endpoint::start([]).await;
        let settings = format!(
            "[nats]\nurl = '{}'\n[state]\ndir = 'state'\nsnapshot_every = '1s'\n\
            [webhook]\nname = 'on-call'\nurl = '{}'\nbackoff_min = '100ms'\nbackoff_max = '200ms'\n\
            [[receivers]]\nname = 'chat'\ntype = 'slack'\nurl = '{}'\nallow_networks = ['127.0.0.0/8']\n\
            [[silences]]\nname = 'move'\nowner = 'alice'\nreason = 'a move'\nuntil = '2199-01-01T00:00:00Z'\n\
            bots = ['moved']\n",
            nats.url(),
            webhook.url(),
            chat.url()
        );
        let humdrum = Humdrum::start(dir.path(), &settings).await;
        humdrum.ready().await;
        let prometheus = Prometheus::start(humdrum.address).await;
        prometheus.becomes("humdrum_nats_connected", 1.0).await;
        let context = nats.jetstream().await;
        Self { prometheus, webhook, chat, humdrum, context, _nats: nats, _dir: dir }
    }

    /// Publishes a bit of everything: [`ACCEPTED`] and so on, among them one event that raises an alert.
    pub(crate) async fn feed(&self) {
        for id in (0..ACCEPTED - 1).chain(0..DUPLICATE) {
            self.publish("bot", event("bot", id)).await;
        }
        let event = |id: &str, ts: &str, rest: &str| {
            format!("{{\"id\":\"{id}\",\"ts\":\"2026-05-04T{ts}Z\",\"tenant\":\"acme\",\"bot\":\"bot\",{rest}}}")
        };
        let control = "\"type\":\"control\",\"control\":{\"action\":\"logging_disabled\",\"by\":\"eve\"}";
        self.publish("bot", event("c1", "06:01:00", control)).await;
        for n in 0..LATE {
            self.publish("bot", event(&format!("late{n}"), "01:00:00", "\"type\":\"call\"")).await;
        }
        for _ in 0..NOT_JSON {
            self.publish("bot", "no json".to_owned()).await;
        }
        for _ in 0..SPOOFED {
            self.publish("other", event("s1", "06:01:00", "\"type\":\"call\"")).await;
        }
    }

    /// Publishes one event of each of so many bots that were not there before.
    pub(crate) async fn feed_bots(&self, count: usize) {
        for id in 0..count {
            let bot = format!("bot{id}");
            self.publish(&bot, event(&bot, id)).await;
        }
    }

    async fn publish(&self, bot: &str, payload: String) {
        let ack = self.context.publish(format!("humdrum.events.acme.{bot}"), payload.into()).await.expect("sends");
        ack.await.expect("is stored");
    }
}
