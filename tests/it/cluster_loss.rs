//! What a cluster keeps in common is lost, and a member dies with something told: the others go on, and say so.

use std::collections::BTreeSet;
use std::process::Command;

use async_nats::jetstream::Context;
use async_nats::jetstream::stream::{Config, DiscardPolicy};
use humdrum::alert::coverage::is_gap;
use humdrum::alert::{Alert, Status};

use crate::cluster::{
    DEADLINE, PARTITIONS, STORY, as_if_nothing_happened, cluster, home, lease, manifest, owned, publish,
    read_to_the_end, settings,
};
use crate::support::files::write;
use crate::support::humdrum::Humdrum;
use crate::support::nats::{NatsServer, alerts};
use crate::support::{free_address, until, until_within};

/// An event that is an alert, whatever is known of its bot.
pub(crate) async fn alarm(context: &Context, bot: &str) {
    alarm_at(context, bot, "2026-05-04T06:00:00Z").await;
}

pub(crate) async fn alarm_at(context: &Context, bot: &str, ts: &str) {
    let control = "\"type\":\"control\",\"control\":{\"action\":\"logging_disabled\",\"by\":\"eve\"}";
    let event = format!("{{\"ts\":\"{ts}\",\"tenant\":\"acme\",\"bot\":\"{bot}\",{control}}}");
    let sent = context.publish(format!("humdrum.events.acme.{bot}"), event.into()).await;
    sent.expect("sends").await.expect("is stored");
}

pub(crate) async fn told(server: &NatsServer) -> Vec<Alert> {
    alerts(server).await.iter().map(|line| serde_json::from_str(line).expect("an alert")).collect()
}

#[tokio::test]
async fn a_ledger_that_was_lost_counts_on_from_the_fence_and_loses_no_state() {
    let server = NatsServer::start().await;
    let (a, b) = (home(), home());
    let context = server.jetstream().await;
    cluster(a.path(), &settings(&server, ""), &["init"]);
    let half = STORY.events.len() / 2;
    // Three ownerships, so that the fence has seen epochs that a ledger which begins again does not come to at once.
    for round in 0..3_usize {
        let member = Humdrum::start(a.path(), &settings(&server, "member = 'a'\n")).await;
        owned(&context, "a-").await;
        publish(&server, &STORY.events[half * round / 3..half * (round + 1) / 3]).await;
        read_to_the_end(&context, &member).await;
        assert!(member.terminate().await.success());
    }
    let mut before = Vec::new();
    for partition in 0..PARTITIONS {
        before.push(lease(&context, partition).await.epoch);
    }
    assert!(before.iter().all(|epoch| *epoch >= 3), "{before:?}");
    context.delete_key_value("HUMDRUM_CLUSTER").await.expect("is lost");
    cluster(a.path(), &settings(&server, ""), &["init"]);
    let second = Humdrum::start(b.path(), &settings(&server, "member = 'b'\n")).await;
    for (partition, before) in (0..PARTITIONS).zip(before) {
        until_within(DEADLINE, "an epoch behind the lost ones", || async {
            let lease = lease(&context, partition).await;
            lease.member.starts_with("b-") && !lease.released && lease.epoch > before
        })
        .await;
    }
    publish(&server, &STORY.events[half..]).await;
    read_to_the_end(&context, &second).await;
    assert!(second.terminate().await.success());
    as_if_nothing_happened(&server).await;
}

#[tokio::test]
async fn a_fence_that_was_made_anew_is_claimed_again_and_tells_nothing_twice() {
    let server = NatsServer::start().await;
    let (a, b) = (home(), home());
    let context = server.jetstream().await;
    // No snapshot is written behind the first: what follows is known by the fence alone.
    let settled = settings(&server, "member = 'a'\n").replace("snapshot_every = '1s'", "snapshot_every = '1h'");
    cluster(a.path(), &settled, &["init"]);
    let first = Humdrum::start(a.path(), &settled).await;
    owned(&context, "a-").await;
    for bot in ["b1", "b2", "b3"] {
        alarm(&context, bot).await;
    }
    until("three alerts", || async { told(&server).await.len() == 3 }).await;
    until("the first snapshots", || async {
        let mut fence = 0;
        for partition in 0..PARTITIONS {
            fence = manifest(&context, partition).await.kept.first().map_or(fence, |kept| kept.fence.max(fence));
        }
        fence >= 3
    })
    .await;
    context.delete_stream("HUMDRUM_FENCE").await.expect("is lost");
    cluster(a.path(), &settled, &["init"]);
    alarm(&context, "b4").await;
    let fence = context.get_stream("HUMDRUM_FENCE").await.expect("exists");
    let passed = || async {
        let info = fence.get_info().await.expect("answers");
        let mut ids = Vec::new();
        for sequence in 1..=info.state.last_sequence {
            let message = fence.get_raw_message(sequence).await.expect("is there");
            ids.extend(message.headers.get("Nats-Msg-Id").map(|id| id.as_str().to_owned()));
        }
        ids
    };
    until("the alert behind it", || async { passed().await.len() == 1 }).await;
    first.kill();
    let second = Humdrum::start(b.path(), &settled.replace("'a'", "'b'")).await;
    owned(&context, "b-").await;
    read_to_the_end_of_lag(&second).await;
    alarm(&context, "b5").await;
    until("the alert of the next owner", || async { passed().await.len() >= 2 }).await;
    assert!(second.terminate().await.success());
    let ids = passed().await;
    assert_eq!(ids.len(), 2, "what had passed the fence that is there passes no more: {ids:?}");
    until("the stream of alerts to have them", || async { told(&server).await.len() >= 5 }).await;
    let ids: BTreeSet<String> = told(&server).await.into_iter().map(|alert| alert.id).collect();
    assert_eq!((ids.len(), told(&server).await.len()), (5, 5), "each of them once");
}

async fn read_to_the_end_of_lag(humdrum: &Humdrum) {
    until_within(DEADLINE, "everything to be read", || async {
        humdrum.figure("humdrum_consumer_lag_messages").await < 0.5
    })
    .await;
}

#[tokio::test]
async fn what_a_member_that_died_has_told_of_its_own_sight_is_said_to_be_over() {
    let server = NatsServer::start().await;
    let (a, b) = (home(), home());
    let context = server.jetstream().await;
    cluster(a.path(), &settings(&server, ""), &["init"]);
    let first = Humdrum::start(a.path(), &settings(&server, "member = 'a'\n")).await;
    owned(&context, "a-").await;
    first.ready().await;
    let config = context.get_stream("HUMDRUM_EVENTS").await.expect("exists").cached_info().config.clone();
    // As full as a disk: events are refused, and the ledger is not.
    let full = Config { max_bytes: 1, discard: DiscardPolicy::New, ..config.clone() };
    context.update_stream(&full).await.expect("updates");
    let blind = |alert: &Alert| is_gap(alert) && alert.title.contains("took no events from");
    until("the alert", || async { told(&server).await.iter().any(blind) }).await;
    let store = context.get_key_value("HUMDRUM_CLUSTER").await.expect("exists");
    let left = || async {
        let keys: Vec<_> = futures_util::StreamExt::collect(store.keys().await.expect("answers")).await;
        let keys = keys.into_iter().map(|key: Result<String, _>| key.expect("a key"));
        keys.filter(|key| key.starts_with("own.a-") || key.starts_with("member.a-")).count()
    };
    until("what it has told to stand in the ledger", || async { left().await == 2 }).await;
    first.kill();
    context.update_stream(&config).await.expect("updates");
    let second = Humdrum::start(b.path(), &settings(&server, "member = 'b'\n")).await;
    second.ready().await;
    let over = |alert: &Alert| blind(alert) && alert.status == Status::Resolved;
    until_within(DEADLINE, "the end of it", || async { told(&server).await.iter().any(over) }).await;
    until("the ledger to forget the dead", || async { left().await == 0 }).await;
    let told: Vec<Alert> = told(&server).await.into_iter().filter(blind).collect();
    let named: Vec<_> = told.iter().map(|alert| (alert.id.as_str(), alert.revision, alert.status)).collect();
    let id = told[0].id.as_str();
    assert_eq!(named, [(id, 1, Status::Firing), (id, 2, Status::Resolved)], "one story, once");
    assert!(second.terminate().await.success());
}

#[tokio::test]
async fn whether_the_server_syncs_and_what_a_cluster_has_kept_is_shown() {
    let monitor = free_address();
    let synced = |value: &str| format!("http: '{monitor}'\njetstream {{ sync_interval: {value} }}\n");
    let server = NatsServer::start_configured(&synced("'2m'")).await;
    let (a, context) = (home(), server.jetstream().await);
    let asked = settings(&server, "").replace("[nats]\n", &format!("[nats]\nmonitor_url = 'http://{monitor}'\n"));
    let said = cluster(a.path(), &settings(&server, ""), &["init"]);
    assert!(said.contains("was not asked: only its monitoring port tells; set `nats.monitor_url`"), "{said}");
    let said = cluster(a.path(), &asked, &["status"]);
    assert!(said.contains("syncs to its disk every 120 s only") && said.contains("`sync_interval: always`"), "{said}");
    let member = Humdrum::start(a.path(), &settings(&server, "member = 'a'\n")).await;
    owned(&context, "a-").await;
    alarm(&context, "payroll").await;
    let kept = || async {
        let mut kept = 0;
        for partition in 0..PARTITIONS {
            kept += manifest(&context, partition).await.kept.iter().filter(|kept| kept.sequence > 0).count();
        }
        kept
    };
    until("a snapshot with it", || async { kept().await > 0 }).await;
    let state = |args: &[&str]| {
        write(&a.path().join("cluster.toml"), &asked);
        let mut command = Command::new(env!("CARGO_BIN_EXE_humdrum"));
        command.arg("state").args(args).args(["--config", "cluster.toml"]).current_dir(a.path()).env_clear();
        command.output().expect("the binary runs")
    };
    let text = |args: &[&str]| {
        let output = state(args);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let listed = text(&["inspect"]);
    assert!(listed.starts_with("partition  snapshot ") && listed.contains("2026-05-04T06:00:00Z  whole"), "{listed}");
    let bot: serde_json::Value =
        serde_json::from_str(&text(&["export", "--tenant", "acme", "--bot", "payroll"])).expect("JSON");
    assert_eq!(bot["bot"], "payroll", "{bot:#}");
    let unknown = state(&["export", "--tenant", "acme", "--bot", "nobody"]);
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("is in no partition's newest snapshot"));
    assert!(member.terminate().await.success());
    drop(server);
    let server = NatsServer::start_configured(&synced("always")).await;
    let asked = settings(&server, "").replace("[nats]\n", &format!("[nats]\nmonitor_url = 'http://{monitor}'\n"));
    let said = cluster(a.path(), &asked, &["init"]);
    assert!(said.contains("fewer than 3 copies") && !said.contains("sync"), "{said}");
}
