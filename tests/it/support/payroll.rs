//! One bot's month of peace, and a night on a host never seen before, once and again.

use serde_json::{Value, json};

use super::files::{read, repository};
use super::nats::NatsServer;

/// The night.
const NIGHT: &str = "fixtures/scenarios/new-host/events.ndjson";

/// The month of peace, and the night.
pub(crate) fn month() -> String {
    read(&repository("fixtures/events/payroll-month.ndjson")) + &read(&repository(NIGHT))
}

/// The same night again, so many days later.
pub(crate) fn again(days: u32) -> String {
    let day = format!("2026-04-{:02}", 1 + days);
    let mut lines = String::new();
    for line in read(&repository(NIGHT)).lines() {
        let mut event: Value = serde_json::from_str(line).expect("JSON");
        let fields = event.as_object_mut().expect("an object");
        for (name, prefix) in [("id", "again"), ("session", "again")] {
            let value = fields[name].as_str().expect("text").to_owned();
            fields[name] = json!(format!("{prefix}-{days}-{value}"));
        }
        fields["ts"] = json!(fields["ts"].as_str().expect("text").replace("2026-04-01", &day));
        fields.remove("seq");
        lines += &format!("{event}\n");
    }
    lines
}

/// Puts events into the stream.
pub(crate) async fn publish(server: &NatsServer, lines: &str) {
    let context = server.jetstream().await;
    for line in lines.lines() {
        let sent = context.publish("humdrum.events.acme.payroll", line.to_owned().into()).await;
        sent.expect("sends").await.expect("is stored");
    }
}
