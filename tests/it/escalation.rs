//! Who is told: routes, silences, acknowledgments over NATS, and escalation over a restart.

use std::time::Duration;

use humdrum::alert::{Alert, Severity, Status, Whose};
use serde_json::{Value, json};

use crate::support::config::alert;
use crate::support::nats::NatsServer;
use crate::support::post::{LOCAL, Post};
use crate::support::webhook::Endpoint;
use crate::support::{figure, until};

/// A desk by day, a pager by night, and a lead for what nobody is at.
struct House {
    desk: Endpoint,
    pager: Endpoint,
    lead: Endpoint,
}

impl House {
    async fn new() -> Self {
        Self { desk: Endpoint::start([]).await, pager: Endpoint::start([]).await, lead: Endpoint::start([]).await }
    }

    fn settings(&self) -> String {
        let receiver = |name: &str, kind: &str, endpoint: &Endpoint| {
            format!("[[receivers]]\nname = '{name}'\ntype = {kind}\nurl = '{}'\n{LOCAL}\n", endpoint.url())
        };
        let pagerduty = "'pagerduty'\nrouting_key = '0123456789abcdef0123456789abcdef'";
        let receivers = receiver("desk", "'slack'", &self.desk)
            + &receiver("pager", pagerduty, &self.pager)
            + &receiver("lead", "'webhook'", &self.lead);
        receivers
            + "[[routes]]\nteams = ['finance*']\nhours = 'mon-fri 08:00-18:00'\nzone = 'Europe/Berlin'\n\
            receivers = ['desk']\n\
            [routing]\ndefault = ['pager']\nescalate_after = '15m'\nescalate_to = ['lead']\n\
            [[silences]]\nname = 'move'\nowner = 'alice'\nreason = 'hosts are moved'\n\
            until = '2026-05-04T14:00:00Z'\nbots = ['moved-*']\n"
    }
}

fn whose(team: &str) -> Whose {
    Whose { team: Some(team.to_owned()), owner: None }
}

/// What PagerDuty was told: what to do, and with which alert.
fn told(endpoint: &Endpoint) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let bodies = endpoint.requests().into_iter().map(|r| serde_json::from_slice::<Value>(&r.body).expect("JSON"));
    bodies.map(|body| (text(&body["event_action"]), text(&body["dedup_key"]))).collect()
}

fn pair(action: &str, id: &str) -> (String, String) {
    (action.to_owned(), id.to_owned())
}

#[tokio::test]
async fn routes_go_by_team_and_hour_and_an_end_goes_where_the_beginning_went() {
    let house = House::new().await;
    // 17:59 in Berlin; a minute later the desk is empty.
    let post = Post::start_at(&house.settings(), "2026-05-04T15:59:00Z".parse().expect("a time"));
    post.dispatch.offer(&alert("a1", 1, Severity::High), &whose("finance-rpa"));
    post.dispatch.offer(&alert("a2", 1, Severity::High), &whose("hr"));
    post.hand.advance(Duration::from_secs(60));
    post.dispatch.offer(&alert("a3", 1, Severity::High), &whose("finance-rpa"));
    let end = Alert { status: Status::Resolved, revision: 2, ..alert("a1", 2, Severity::High) };
    post.dispatch.offer(&end, &whose("finance-rpa"));
    post.attempted("desk", "delivered", 2).await;
    post.attempted("pager", "delivered", 2).await;
    assert_eq!(told(&house.pager), [pair("trigger", "a2"), pair("trigger", "a3")]);
    assert!(house.lead.requests().is_empty());
}

#[tokio::test]
async fn what_is_silenced_is_counted_and_let_through_when_the_silence_ends() {
    let house = House::new().await;
    let post = Post::start(&house.settings());
    let moved = |id: &str| Alert { bot: Some("moved-1".to_owned()), ..alert(id, 1, Severity::High) };
    post.offer(&moved("a1"));
    post.offer(&moved("a2"));
    post.offer(&Alert { status: Status::Resolved, revision: 2, ..moved("a2") });
    post.offer(&alert("a3", 1, Severity::High));
    post.attempted("pager", "delivered", 1).await;
    let silenced = figure(&post.registry, "humdrum_alerts_silenced_total", &[("silence", "move")]) as u64;
    assert_eq!((silenced, told(&house.pager)), (2, vec![pair("trigger", "a3")]));
    let mut post = post.restart();
    post.pass_until("the end of the silence", |post| post.attempts("pager", "delivered") > 0).await;
    post.drain().await;
    let last = told(&house.pager).pop();
    assert_eq!(last, Some(pair("trigger", "a1")), "and nothing of a2, which is over");
}

#[tokio::test]
async fn whoever_acknowledges_over_nats_stops_the_escalation() {
    let (server, house) = (NatsServer::start().await, House::new().await);
    let post = Post::start_with(&house.settings(), Some(server.client().await), None);
    post.offer(&alert("a1", 1, Severity::High));
    post.offer(&alert("a2", 1, Severity::High));
    post.attempted("pager", "delivered", 2).await;
    let client = server.client().await;
    // Until somebody listens, there is nobody to answer.
    until("somebody to listen", || async { client.request("humdrum.ack.x", "nonsense".into()).await.is_ok() }).await;
    let say = |subject: &'static str, body: &'static str| {
        let client = client.clone();
        async move {
            let answer = client.request(subject, body.into()).await.expect("an answer");
            serde_json::from_slice::<Value>(&answer.payload).expect("JSON")
        }
    };
    let unknown = say("humdrum.ack.other", "{\"id\":\"a1\",\"by\":\"eve\"}").await;
    assert_eq!(unknown, json!({"ok": false, "error": "no open alert of the tenant has this id"}));
    assert_eq!(say("humdrum.ack.acme%20corp", "{\"id\":\"a1\",\"by\":\"bob\"}").await, json!({"ok": true}));
    post.attempted("pager", "delivered", 3).await;
    assert_eq!(told(&house.pager)[2], pair("acknowledge", "a1"));
    for (outcome, count) in [("taken", 1), ("unknown", 1), ("malformed", 1)] {
        let found = figure(&post.registry, "humdrum_acknowledgments_total", &[("outcome", outcome)]) as u64;
        assert_eq!(found, count, "{outcome}");
    }
    // The process is killed and comes back before the quarter of an hour is over.
    let mut post = post.restart();
    post.pass_until("the lead to be told", |post| post.attempts("lead", "delivered") > 0).await;
    assert_eq!(figure(&post.registry, "humdrum_alerts_escalated_total", &[]) as u64, 1);
    post.offer(&Alert { status: Status::Resolved, ..alert("a2", 2, Severity::High) });
    post.attempted("lead", "delivered", 2).await;
    post.drain().await;
    let heard: Vec<(String, String)> = house
        .lead
        .requests()
        .iter()
        .map(|request| {
            let alert: Alert = serde_json::from_slice(&request.body).expect("an alert");
            (alert.id, alert.status.as_str().to_owned())
        })
        .collect();
    assert_eq!(heard, [pair("a2", "firing"), pair("a2", "resolved")]);
    assert_eq!(told(&house.pager).last(), Some(&pair("resolve", "a2")));
}
