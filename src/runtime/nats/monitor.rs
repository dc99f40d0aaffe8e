//! What a server says on its monitoring port and nowhere else: whether what it acknowledges is on its disk by then.

use std::time::Duration;

use serde::Deserialize;

/// Time for an answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);

#[derive(Debug, Default, Deserialize)]
struct Varz {
    #[serde(default)]
    server_name: String,
    #[serde(default)]
    jetstream: JetStream,
}

#[derive(Debug, Default, Deserialize)]
struct JetStream {
    #[serde(default)]
    config: Option<Config>,
}

#[derive(Debug, Default, Deserialize)]
struct Config {
    #[serde(default)]
    sync_always: bool,
    /// Nanoseconds.
    #[serde(default)]
    sync_interval: u64,
}

/// What is not as it should be on the servers with these monitoring ports, in words; nothing where all sync what they
/// acknowledge.
pub(crate) async fn unsynced(urls: &[String]) -> Vec<String> {
    let mut said = Vec::new();
    for url in urls {
        said.extend(match ask(url).await {
            Ok(varz) => lack(&varz),
            Err(error) => Some(format!("the monitoring port {url} does not answer: {}", error.without_url())),
        });
    }
    said
}

async fn ask(url: &str) -> Result<Varz, reqwest::Error> {
    let client = reqwest::Client::builder().no_proxy().timeout(ANSWER_WITHIN).build()?;
    client.get(format!("{url}/varz")).send().await?.error_for_status()?.json().await
}

fn lack(varz: &Varz) -> Option<String> {
    let name = &varz.server_name;
    let Some(config) = &varz.jetstream.config else { return Some(format!("server {name} has no JetStream")) };
    let seconds = config.sync_interval / 1_000_000_000;
    (!config.sync_always).then(|| {
        format!(
            "server {name} syncs to its disk every {seconds} s only: a power cut takes what it acknowledged since; set \
             `sync_interval: always`"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Option<String> {
        lack(&serde_json::from_str(text).expect("JSON"))
    }

    #[test]
    fn a_server_that_does_not_sync_is_told_of() {
        let text =
            said(r#"{"server_name":"n1","jetstream":{"config":{"sync_interval":120000000000}}}"#).expect("a lack");
        assert!(text.starts_with("server n1 syncs to its disk every 120 s only"), "{text}");
        let always = r#"{"server_name":"n1","jetstream":{"config":{"sync_interval":120000000000,"sync_always":true}}}"#;
        assert_eq!(said(always), None);
        assert_eq!(said(r#"{"server_name":"n1","jetstream":{}}"#).as_deref(), Some("server n1 has no JetStream"));
    }
}
