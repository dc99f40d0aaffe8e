//! What producers send: other people's ids, and times that cannot be.

use std::time::Duration;

use async_nats::HeaderMap;
use humdrum::detect::{Engine, Output, Settings};
use humdrum::event::Event;
use humdrum::registry::Registry;
use humdrum::time::{Span, Timestamp};

use super::ground::{STORY, figure, keeping};
use crate::support::nats::NatsServer;
use crate::support::proxy::pass;
use crate::support::running::Running;

#[tokio::test]
async fn row_29_an_id_that_another_bot_used_hides_nothing() {
    let (server, dir) = (NatsServer::start().await, tempfile::tempdir().expect("a directory"));
    let running = Running::start(keeping(server.url(), dir.path())).await;
    running.ready().await;
    let context = server.jetstream().await;
    let mut stored = 0;
    for nth in 0..20 {
        for bot in ["thief", "victim"] {
            let mut headers = HeaderMap::new();
            headers.insert(async_nats::header::NATS_MESSAGE_ID, format!("evt-{nth}"));
            let event = format!(
                "{{\"id\":\"evt-{nth}\",\"ts\":\"2026-05-04T06:00:{nth:02}Z\",\"tenant\":\"acme\",\"bot\":\"{bot}\",\"type\":\"call\"}}"
            );
            let sent = context.publish_with_headers(format!("humdrum.events.acme.{bot}"), headers, event.into()).await;
            stored += u64::from(!sent.expect("sends").await.expect("is answered").duplicate);
            // The server knows ids of all bots for a tenth of a second, and no less can be asked of it.
            pass(Duration::from_millis(220)).await;
        }
    }
    running.accepted(40).await;
    assert_eq!(stored, 40);
    running.app.stop().await.expect("stops");
    figure("row_29", "40 of 40 events behind the server's own 100 ms");
}

fn observe(engine: &mut Engine, event: &Event, output: &mut Output) {
    engine.observe_ref(event, output);
}

#[test]
fn row_13_times_that_cannot_be_move_nothing() {
    let (mut engine, mut output) = (Engine::new(Settings::default(), Registry::default()), Output::default());
    let (mut plain, mut expected) = (Engine::new(Settings::default(), Registry::default()), Output::default());
    let (mut late, mut ahead) = (0, 0);
    for (nth, event) in STORY.events.iter().enumerate() {
        observe(&mut engine, event, &mut output);
        observe(&mut plain, event, &mut expected);
        if nth % 50 == 25 {
            let days = [-400, -40, -2, 2, 40, 400][nth / 50 % 6];
            let mut odd = event.clone();
            (odd.id, odd.producer, odd.seq) = (format!("odd-{nth}").into(), None, None);
            odd.ts = event.ts + Span::from_days(days);
            if days < 0 {
                late += 1;
            } else {
                ahead += 1;
            }
            observe(&mut engine, &odd, &mut output);
        }
    }
    for odd in [Timestamp::MIN, Timestamp::from_micros(i64::MAX)] {
        let event = Event { id: "edge".into(), ts: odd, producer: None, seq: None, ..STORY.events[0].clone() };
        observe(&mut engine, &event, &mut output);
        observe(&mut engine, STORY.events.last().expect("events"), &mut output);
    }
    (late, ahead) = (late + 1, ahead + 1);
    let names = |output: &Output| output.alerts.iter().map(|alert| alert.id.clone()).collect::<Vec<_>>();
    assert_eq!(names(&output), names(&expected), "the same alerts");
    let (stats, plain) = (engine.stats(), plain.stats());
    assert_eq!(stats.accepted, plain.accepted);
    assert_eq!((stats.late - plain.late, stats.rejected), (late, ahead));
    assert_eq!(output.rejected.len() as u64, ahead);
    figure(
        "row_13",
        &format!("{late} late and {ahead} early, up to 400 days and the ends of time: counted, none learned"),
    );
}
