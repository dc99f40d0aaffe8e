//! Receivers against servers that check each request, hang, fail, throttle, redirect, and come back.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use async_nats::jetstream::stream;
use humdrum::alert::{Alert, Severity, Status};
use serde_json::Value;

use crate::support::config::alert;
use crate::support::nats::NatsServer;
use crate::support::post::{LOCAL, Post};
use crate::support::schema::Schema;
use crate::support::webhook::{Answer, Endpoint, Recorded};
use crate::support::{figure, free_address, until};

/// Services over the web: type, schema of what it takes, further settings.
const SERVICES: [(&str, &str, &str); 6] = [
    ("alertmanager", "alertmanager", ""),
    ("pagerduty", "pagerduty", "routing_key = '0123456789abcdef0123456789abcdef'"),
    ("slack", "slack", ""),
    ("teams", "teams", ""),
    ("webhook", "ocsf", "body = 'ocsf'"),
    ("webhook", "cloudevents", "body = 'cloudevents'"),
];

fn receiver(name: &str, service: &str, endpoint: SocketAddr, more: &str) -> String {
    format!("[[receivers]]\nname = '{name}'\ntype = '{service}'\nurl = 'http://{endpoint}/hook'\n{LOCAL}\n{more}\n")
}

/// A server that refuses what is not of the published shape, as the service would.
async fn checking(schema: &'static str, script: impl IntoIterator<Item = Answer>) -> Endpoint {
    let shape = Schema::named(schema);
    let rule = move |body: &[u8]| (!shape.faults(body).is_empty()).then_some(Answer::Status(400));
    Endpoint::start_ruled(SocketAddr::from(([127, 0, 0, 1], 0)), script, Box::new(rule)).await
}

fn page(id: &str) -> Alert {
    alert(id, 1, Severity::High)
}

fn bodies(requests: &[Recorded]) -> Vec<Value> {
    requests.iter().map(|request| serde_json::from_slice(&request.body).expect("JSON")).collect()
}

#[tokio::test]
async fn every_service_takes_an_alert_and_its_end() {
    for (service, schema, more) in SERVICES {
        let endpoint = checking(schema, []).await;
        let mut post = Post::start(&receiver("it", service, endpoint.address(), more));
        post.offer(&page("a1"));
        post.offer(&Alert { status: Status::Resolved, revision: 2, ..page("a1") });
        post.attempted("it", "delivered", 2).await;
        post.drain().await;
        assert_eq!(post.undelivered(), [Value::Null; 0], "{service}");
        let (requests, bodies) = (endpoint.requests(), bodies(&endpoint.requests()));
        let content_type = requests[0].headers["content-type"].to_str().expect("text");
        match schema {
            "alertmanager" => {
                assert!(bodies[0][0]["labels"] == bodies[1][0]["labels"], "labels are stable");
                assert_eq!(bodies[0][0]["endsAt"], "2026-05-04T12:04:00Z");
                assert_eq!(bodies[1][0]["endsAt"], "2026-05-04T12:00:00Z");
            }
            "pagerduty" => {
                let of = |field: &str| bodies.iter().map(|body| body[field].clone()).collect::<Vec<_>>();
                assert_eq!(of("event_action"), ["trigger", "resolve"]);
                assert_eq!(of("dedup_key"), ["a1", "a1"]);
            }
            "ocsf" => {
                assert_eq!((&bodies[0]["type_uid"], &bodies[1]["type_uid"]), (&200_401.into(), &200_403.into()));
                assert_eq!(bodies[0]["anomaly_analyses"][0]["anomalies"][0]["observations"][0]["value"], "40000");
                assert_eq!(requests[0].headers["webhook-id"], "a1");
            }
            "cloudevents" => {
                assert_eq!(content_type, "application/cloudevents+json");
                assert_eq!((&bodies[0]["id"], &bodies[1]["id"]), (&"a1.1".into(), &"a1.2".into()));
            }
            _ => assert_eq!(content_type, "application/json"),
        }
    }
}

#[tokio::test]
async fn every_answer_has_its_rule() {
    let elsewhere = Endpoint::start([]).await;
    let throttled = || Answer::With(429, "retry-after", "90".to_owned());
    for (name, script, requests, ends) in [
        ("500", vec![Answer::Status(500), Answer::Status(503)], 3, None),
        ("408", vec![Answer::Status(408), Answer::Status(425)], 3, None),
        ("429", vec![throttled()], 2, None),
        ("400", vec![Answer::Status(400)], 1, Some(400)),
        ("404", vec![Answer::Status(404)], 1, Some(404)),
        ("302", vec![Answer::With(302, "location", elsewhere.url())], 1, Some(302)),
    ] {
        let endpoint = Endpoint::start(script).await;
        let mut post = Post::start(&receiver("it", "slack", endpoint.address(), ""));
        post.offer(&page("a1"));
        post.pass_until(name, |post| post.attempts("it", "delivered") + post.attempts("it", "refused") > 0).await;
        post.drain().await;
        assert_eq!(endpoint.requests().len(), requests, "{name}");
        let lost = post.undelivered();
        let status = lost.first().map(|one| one["status"].as_u64().expect("a status"));
        assert_eq!((lost.len(), status), (usize::from(ends.is_some()), ends), "{name}");
        if let Some(one) = lost.first() {
            assert_eq!((&one["receiver"], &one["reason"]), (&"it".into(), &"refused".into()));
            assert_eq!(one["notice"]["alert"]["id"], "a1");
            let labels = [("receiver", "it"), ("reason", "refused")];
            assert_eq!(figure(&post.registry, "humdrum_receiver_undelivered_total", &labels) as u64, 1);
        }
    }
    assert!(elsewhere.requests().is_empty(), "redirects are never followed");
}

#[tokio::test]
async fn a_pause_that_is_asked_for_is_kept() {
    let endpoint = Endpoint::start([Answer::With(429, "retry-after", "90".to_owned())]).await;
    let other = Endpoint::start([]).await;
    let text = receiver("it", "slack", endpoint.address(), "")
        + &receiver("other", "slack", other.address(), "min_severity = 'low'");
    let post = Post::start(&text);
    post.offer(&page("a1"));
    post.attempted("it", "retried", 1).await;
    post.hand.advance(Duration::from_secs(89));
    // Another receiver is told meanwhile, so that time enough has passed for an attempt too early.
    post.offer(&alert("a2", 1, Severity::Low));
    post.attempted("other", "delivered", 2).await;
    assert_eq!(endpoint.requests().len(), 1);
    post.hand.advance(Duration::from_secs(1));
    post.attempted("it", "delivered", 1).await;
}

#[tokio::test]
async fn a_hanging_receiver_delays_no_other() {
    let (hanging, healthy) = (Endpoint::start(vec![Answer::Hang; 50]).await, checking("slack", []).await);
    let text = receiver("hanging", "teams", hanging.address(), "timeout = '1m'")
        + &receiver("healthy", "slack", healthy.address(), "");
    let post = Post::start(&text);
    for n in 0..20 {
        post.offer(&page(&format!("a{n}")));
    }
    post.attempted("healthy", "delivered", 20).await;
    let queue = |name: &str| figure(&post.registry, "humdrum_receiver_queue", &[("receiver", name)]) as usize;
    assert_eq!((queue("hanging"), queue("healthy")), (20, 0));
    let oldest =
        |name: &str| figure(&post.registry, "humdrum_receiver_oldest_timestamp_seconds", &[("receiver", name)]) as i64;
    assert_eq!((oldest("hanging"), oldest("healthy")), (1_777_896_000, 0));
}

#[tokio::test]
async fn a_receiver_that_was_down_for_an_hour_lost_nothing() {
    let address = free_address();
    let mut post = Post::start(&receiver("it", "pagerduty", address, SERVICES[1].2));
    let mut ids = BTreeSet::new();
    for minute in 0..60 {
        if minute % 10 == 0 {
            let id = format!("a{minute}");
            post.offer(&page(&id));
            ids.insert(id);
        }
        if minute == 30 {
            // Half an hour in, the process is killed.
            post = post.restart();
        }
        let before = post.attempts("it", "retried");
        post.hand.advance(Duration::from_secs(60));
        until("an attempt", || async { post.attempts("it", "retried") > before }).await;
    }
    assert_eq!((post.attempts("it", "delivered"), post.undelivered().len()), (0, 0));
    let shape = Schema::named("pagerduty");
    let rule = move |body: &[u8]| (!shape.faults(body).is_empty()).then_some(Answer::Status(400));
    let endpoint = Endpoint::start_ruled(address, [], Box::new(rule)).await;
    post.pass_until("everything", |post| post.attempts("it", "delivered") >= ids.len()).await;
    let keys: Vec<_> = bodies(&endpoint.requests()).iter().map(|body| body["dedup_key"].clone()).collect();
    let told: BTreeSet<String> = keys.iter().map(|key| key.as_str().expect("a key").to_owned()).collect();
    assert_eq!((told, keys.len(), post.undelivered().len()), (ids, 6, 0), "each once");
}

#[tokio::test]
async fn what_is_not_taken_for_a_day_is_given_up_and_kept() {
    let endpoint = Endpoint::start(vec![Answer::Status(503); 1000]).await;
    let post = Post::start(&receiver("it", "slack", endpoint.address(), "give_up_after = '1h'"));
    post.offer(&page("a1"));
    post.pass_until("the end of patience", |post| post.attempts("it", "abandoned") > 0).await;
    let one = &post.undelivered()[0];
    assert_eq!((&one["reason"], &one["status"]), (&"abandoned".into(), &503.into()));
    assert!(one["attempts"].as_u64().is_some_and(|attempts| attempts > 3), "{one}");
    until("the queue to be empty", || async { post.dispatch.owed().outbox.is_empty() }).await;
}

#[tokio::test]
async fn an_alert_that_a_receiver_cannot_bear_holds_up_none_but_itself() {
    let bad = |body: &[u8]| String::from_utf8_lossy(body).contains("alert bad").then_some(Answer::Status(500));
    let endpoint = Endpoint::start_ruled(SocketAddr::from(([127, 0, 0, 1], 0)), [], Box::new(bad)).await;
    let post = Post::start(&receiver("it", "slack", endpoint.address(), ""));
    for id in ["bad", "a1", "a2"] {
        post.offer(&page(id));
    }
    post.offer(&Alert { status: Status::Resolved, revision: 2, ..page("bad") });
    post.pass_until("the good ones", |post| post.attempts("it", "delivered") >= 2).await;
    let owed: Vec<_> = post
        .dispatch
        .owed()
        .outbox
        .iter()
        .map(|item| (item.notice.alert.id.clone(), item.notice.alert.revision))
        .collect();
    assert_eq!(owed, [("bad".to_owned(), 1), ("bad".to_owned(), 2)], "in their order");
    assert_eq!(post.undelivered().len(), 0);
}

#[tokio::test]
async fn a_template_of_ones_own_is_sent_and_one_that_fails_is_told() {
    let endpoint = Endpoint::start([]).await;
    let own = "template = '''{\"text\": {{ alert.title ~ \", \" ~ alert.score }}}'''";
    let fragile = "template = '''{\"text\": {{ alert.reasons[5].text if alert.id == \"a2\" else alert.id }}}'''";
    let text =
        receiver("own", "slack", endpoint.address(), own) + &receiver("fragile", "slack", endpoint.address(), fragile);
    let post = Post::start(&text);
    post.offer(&page("a1"));
    post.attempted("own", "delivered", 1).await;
    post.attempted("fragile", "delivered", 1).await;
    let texts: BTreeSet<String> =
        bodies(&endpoint.requests()).iter().map(|body| body["text"].as_str().expect("text").to_owned()).collect();
    let expected = ["a1", "svc.pay read 40 times more records than ever, 97.5"].map(ToOwned::to_owned);
    assert_eq!(texts, BTreeSet::from(expected));
    post.offer(&page("a2"));
    post.attempted("fragile", "refused", 1).await;
    let said = post.undelivered()[0]["said"].as_str().expect("text").to_owned();
    assert!(said.starts_with("body: line 1: "), "{said}");
}

#[tokio::test]
async fn subjects_on_nats_take_findings_once_a_stream_is_there() {
    let server = NatsServer::start().await;
    let (client, context) = (server.client().await, server.jetstream().await);
    let text = "[[receivers]]\nname = 'soc'\ntype = 'nats'\nsubject = 'soc.findings'\nbody = 'ocsf'\ntimeout = '2s'\n\
        [[receivers]]\nname = 'bus'\ntype = 'nats'\nsubject = 'bus.events'\nmode = 'core'\nbody = 'cloudevents'\n";
    let mut plain = client.subscribe("bus.events").await.expect("subscribes");
    client.flush().await.expect("flushes");
    let mut post = Post::start_with(text, Some(server.client().await), None);
    post.offer(&page("a1"));
    let message = futures_util::StreamExt::next(&mut plain).await.expect("arrives");
    assert_eq!(Schema::named("cloudevents").faults(&message.payload), [""; 0]);
    let headers = message.headers.expect("headers");
    assert_eq!(headers.get("Content-Type").map(ToString::to_string).as_deref(), Some("application/cloudevents+json"));
    until("a first attempt", || async { post.attempts("soc", "retried") > 0 }).await;
    let config =
        stream::Config { name: "SOC".to_owned(), subjects: vec!["soc.>".to_owned()], ..stream::Config::default() };
    context.create_stream(config).await.expect("creates");
    post.pass_until("the stream to take it", |post| post.attempts("soc", "delivered") > 0).await;
    post.drain().await;
    let stream = context.get_stream("SOC").await.expect("exists");
    let stored = stream.get_raw_message(1).await.expect("is there");
    assert_eq!(Schema::named("ocsf").faults(&stored.payload), [""; 0]);
    assert_eq!(stored.headers.get("Nats-Msg-Id").map(ToString::to_string).as_deref(), Some("soc.a1.1"));
    assert_eq!(stream.cached_info().state.messages, 1);
}

#[tokio::test]
async fn what_was_owed_to_a_receiver_that_is_gone_is_kept() {
    let endpoint = Endpoint::start(vec![Answer::Status(503); 100]).await;
    let post = Post::start(&receiver("old", "slack", endpoint.address(), ""));
    post.offer(&page("a1"));
    post.attempted("old", "retried", 1).await;
    let owed = post.dispatch.owed();
    let next = Post::start_owed(&receiver("new", "slack", endpoint.address(), ""), owed);
    let one = &next.undelivered()[0];
    assert_eq!((&one["receiver"], &one["reason"]), (&"old".into(), &"gone".into()));
}

#[tokio::test]
async fn what_a_receiver_does_not_take_is_told_to_another() {
    let refusing = std::iter::repeat_n(Answer::Status(503), 200);
    let (pager, desk) = (Endpoint::start(refusing).await, Endpoint::start([]).await);
    let routing = "[routing]\ndefault = ['pager']\nfallback_after = '2m'\nfallback_to = ['desk']\n";
    let receivers = receiver("pager", "slack", pager.address(), "") + &receiver("desk", "slack", desk.address(), "");
    let post = Post::start(&(routing.to_owned() + &receivers));
    post.offer(&page("a1"));
    post.attempted("pager", "retried", 1).await;
    assert_eq!(post.attempts("desk", "delivered"), 0, "not yet");
    post.pass_until("the desk to be told", |post| post.attempts("desk", "delivered") == 1).await;
    post.pass_until("ten attempts", |post| post.attempts("pager", "retried") >= 10).await;
    assert_eq!(post.attempts("desk", "delivered"), 1, "once");
    let (pager, desk) = (Endpoint::start([Answer::Status(404)]).await, Endpoint::start([]).await);
    let receivers = receiver("pager", "slack", pager.address(), "") + &receiver("desk", "slack", desk.address(), "");
    let mut post = Post::start(&(routing.to_owned() + &receivers));
    post.offer(&page("a2"));
    post.attempted("desk", "delivered", 1).await;
    post.drain().await;
    assert_eq!(post.undelivered().len(), 1, "it is kept in any case");
}
