//! `humdrum check --send-test`: what it sends, what it says, and its exit status.

use std::process::Command;

use serde_json::Value;

use crate::support::files::write;
use crate::support::nats::NatsServer;
use crate::support::post::LOCAL;
use crate::support::schema::Schema;
use crate::support::webhook::{Answer, Endpoint};

/// Runs it on a settings file: exit status, standard output, standard error.
async fn send_test(settings: String, name: &'static str) -> (Option<i32>, String, String) {
    let run = move || {
        let folder = tempfile::tempdir().expect("a folder");
        write(&folder.path().join("c.toml"), settings);
        let mut command = Command::new(env!("CARGO_BIN_EXE_humdrum"));
        command.current_dir(folder.path()).env_clear().args(["check", "--config", "c.toml", "--send-test", name]);
        let output = command.output().expect("the binary runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    tokio::task::spawn_blocking(run).await.expect("ends")
}

fn receiver(name: &str, service: &str, endpoint: &Endpoint, more: &str) -> String {
    format!("[[receivers]]\nname = '{name}'\ntype = '{service}'\nurl = '{}'\n{LOCAL}\n{more}\n", endpoint.url())
}

#[tokio::test]
async fn a_test_is_marked_as_one_and_leaves_nothing_open() {
    let endpoint = Endpoint::start([]).await;
    let key = "routing_key = '0123456789abcdef0123456789abcdef'";
    let (status, out, err) = send_test(receiver("on-call", "pagerduty", &endpoint, key), "on-call").await;
    assert_eq!((status, err.as_str()), (Some(0), ""), "{out}");
    let lines: Vec<&str> = out.lines().collect();
    assert!(
        lines[0].starts_with("on-call: test taken 200 in ") && lines[1].starts_with("on-call: its end taken"),
        "{out}"
    );
    let requests = endpoint.requests();
    let shape = Schema::named("pagerduty");
    let bodies: Vec<Value> = requests.iter().map(|r| serde_json::from_slice(&r.body).expect("JSON")).collect();
    for request in &requests {
        assert_eq!(shape.faults(&request.body), [""; 0]);
    }
    let summary = bodies[0]["payload"]["summary"].as_str().expect("text");
    assert!(summary.starts_with("[TEST] This is a test"), "{summary}");
    assert_eq!((&bodies[1]["event_action"], &bodies[1]["dedup_key"]), (&"resolve".into(), &bodies[0]["dedup_key"]));
}

#[tokio::test]
async fn every_type_can_be_tried_and_a_webhook_too() {
    for (service, more) in [("alertmanager", ""), ("slack", ""), ("teams", ""), ("webhook", "body = 'ocsf'")] {
        let endpoint = Endpoint::start([]).await;
        let (status, out, err) = send_test(receiver("it", service, &endpoint, more), "it").await;
        assert_eq!(status, Some(0), "{service}: {out}{err}");
        let body = String::from_utf8_lossy(&endpoint.requests()[0].body).into_owned();
        assert!(body.contains("This is a test"), "{service}: {body}");
    }
    let endpoint = Endpoint::start([]).await;
    let settings = format!("[webhook]\nname = 'hook'\nurl = '{}'\n", endpoint.url());
    assert_eq!(send_test(settings, "hook").await.0, Some(0));
    let server = NatsServer::start().await;
    let settings = format!(
        "[nats]\nurl = '{}'\n[[receivers]]\nname = 'bus'\ntype = 'nats'\nsubject = 'soc.x'\nmode = 'core'\n",
        server.url()
    );
    let (status, out, err) = send_test(settings, "bus").await;
    assert_eq!(status, Some(0), "{out}{err}");
    assert!(out.contains(": published"), "{out}");
}

#[tokio::test]
async fn what_is_not_taken_is_said_and_is_a_failure() {
    let endpoint = Endpoint::start([Answer::Status(403)]).await;
    let (status, out, err) = send_test(receiver("chat", "slack", &endpoint, ""), "chat").await;
    assert!(out.starts_with("chat: test NOT taken 403 in "), "{out}");
    assert_eq!((status, err.as_str()), (Some(1), "humdrum: `chat` did not take the test\n"));
    let text = "[[receivers]]\nname = 'chat'\ntype = 'slack'\nurl = 'https://localhost:9/'\n".to_owned();
    let (status, out, _) = send_test(text.clone(), "chat").await;
    assert_eq!(status, Some(1));
    assert!(out.contains("a loopback address; `allow_networks` lets a receiver lie there"), "{out}");
    let (status, out, err) = send_test(text, "chatt").await;
    assert_eq!((status, out.as_str()), (Some(2), ""));
    assert!(err.contains("`chatt` is no receiver of the configuration; there are chat"), "{err}");
}
