//! What a cluster keeps in common: snapshots that are damaged, lost or left behind, letters, and a fence that partitions share.

use async_nats::jetstream::kv::Store;
use async_nats::jetstream::object_store::ObjectStore;
use humdrum::runtime::notify::fence::Fence;
use humdrum::runtime::store::format::{self, Checkpoint, Position};
use humdrum::runtime::store::ledger::{Ledger, manifest_key};
use humdrum::runtime::store::shared::{Grew, Objects, SharedError, SharedStore};

use crate::cluster::{cluster, home, settings};
use crate::support::humdrum::Humdrum;
use crate::support::nats::NatsServer;
use crate::support::until;
use crate::support::webhook::{Answer, Endpoint};

/// The ledger and the snapshots of a cluster that was just laid out.
async fn laid_out(server: &NatsServer) -> (Store, ObjectStore) {
    cluster(home().path(), &settings(server, ""), &["init"]);
    let context = server.jetstream().await;
    let bucket = context.get_key_value("HUMDRUM_CLUSTER").await.expect("exists");
    (bucket, context.get_object_store("HUMDRUM_SNAPSHOTS").await.expect("exists"))
}

#[tokio::test]
async fn snapshots_that_are_all_damaged_are_no_fresh_start() {
    let server = NatsServer::start().await;
    let (bucket, objects) = laid_out(&server).await;
    let claim = |epoch| SharedStore::claim(Ledger::new(bucket.clone()), Objects::new(objects.clone()), 0, epoch);
    let whole = || Grew::whole(&Checkpoint::default()).expect("a snapshot");
    let mut store = claim(1).await.expect("is free");
    assert!(store.load().await.expect("answers").is_none(), "none was ever written");
    store.save(whole(), 7, 3).await.expect("is written");
    // As after an answer that was lost: the entry is ours, and of a revision that we do not know.
    let entry = bucket.get(manifest_key(0)).await.expect("answers").expect("a manifest");
    bucket.put(manifest_key(0), entry).await.expect("is written");
    store.save(whole(), 8, 4).await.expect("the entry was ours");
    let fence = |loaded: Option<(Checkpoint, u64)>| loaded.map(|(_, fence)| fence);
    assert_eq!(fence(store.load().await.expect("loads")), Some(4));
    // A whole snapshot, but another one: of another partition, or an older one.
    let place = Position { stream: "S".to_owned(), created_us: 1, sequence: 8, record: None };
    let other = format::encode(&Checkpoint { position: Some(place), ..Checkpoint::default() }).expect("a snapshot");
    objects.put("0-1-2", &mut &other[..]).await.expect("is written");
    assert_eq!(fence(store.load().await.expect("loads")), Some(3), "the one before");
    objects.put("0-1-2", &mut &b"damaged"[..]).await.expect("is written");
    assert_eq!(fence(store.load().await.expect("loads")), Some(3), "the one before");
    objects.delete("0-1-1").await.expect("is removed");
    let error = store.load().await.expect_err("none can be used");
    assert!(matches!(error, SharedError::Unusable { partition: 0, kept: 2 }), "{error}");
    claim(2).await.expect("a newer owner");
    assert!(store.save(whole(), 9, 5).await.expect_err("is over").is_lost());
}

#[tokio::test]
async fn what_owners_left_behind_is_swept_and_a_ledger_that_was_lost_costs_no_state() {
    let server = NatsServer::start().await;
    let (bucket, objects) = laid_out(&server).await;
    let claim = |epoch| SharedStore::claim(Ledger::new(bucket.clone()), Objects::new(objects.clone()), 0, epoch);
    let file = |sequence| {
        let position = Position { stream: "S".to_owned(), created_us: 1, sequence, record: None };
        Grew::whole(&Checkpoint { position: Some(position), ..Checkpoint::default() }).expect("a snapshot")
    };
    let mut store = claim(1).await.expect("is free");
    for sequence in [7, 8] {
        store.save(file(sequence), sequence, 3).await.expect("is written");
    }
    // As after a death between an object and its manifest; and another partition's.
    for name in ["0-1-9", "1-1-1"] {
        objects.put(name, &mut &b"left"[..]).await.expect("is written");
    }
    claim(2).await.expect("a newer owner").sweep();
    let there = |name: &'static str| {
        let objects = &objects;
        async move { objects.info(name).await.is_ok_and(|info| !info.deleted) }
    };
    until("what was left to be gone", || async { !there("0-1-9").await }).await;
    for name in ["0-1-1", "0-1-2", "1-1-1"] {
        assert!(there(name).await, "{name}");
    }
    // The chunks of an object are gone, and the list of objects still has it.
    let nuid = objects.info("0-1-2").await.expect("is there").nuid;
    let chunks = server.jetstream().await.get_stream("OBJ_HUMDRUM_SNAPSHOTS").await.expect("exists");
    chunks.purge().filter(format!("$O.HUMDRUM_SNAPSHOTS.C.{nuid}")).await.expect("is purged");
    let sequence = |loaded: Option<(Checkpoint, u64)>| loaded.and_then(|(c, _)| c.position).map(|p| p.sequence);
    let store = claim(3).await.expect("a newer owner");
    assert_eq!(sequence(store.load().await.expect("loads")), Some(7), "the one before");
    bucket.purge(manifest_key(0)).await.expect("is lost");
    let mut store = claim(4).await.expect("a newer owner");
    assert!(store.is_empty() && store.recover().await.expect("answers"));
    assert_eq!(sequence(store.load().await.expect("loads")), Some(7));
    assert_eq!(
        sequence(claim(5).await.expect("a newer owner").load().await.expect("loads")),
        Some(7),
        "it is named again"
    );
}

#[tokio::test]
async fn the_snapshot_of_a_day_stays_until_its_day_falls_out_and_is_found_again() {
    let server = NatsServer::start().await;
    let (bucket, objects) = laid_out(&server).await;
    let claim = |epoch| SharedStore::claim(Ledger::new(bucket.clone()), Objects::new(objects.clone()), 0, epoch);
    let file = |time: &str| {
        let event_time = Some(time.parse().expect("a time"));
        Grew::whole(&Checkpoint { event_time, ..Checkpoint::default() }).expect("a snapshot")
    };
    let mut store = claim(1).await.expect("is free").with_days(2);
    for day in 4..7 {
        for hour in [1, 2, 3, 4] {
            let time = format!("2026-05-0{day}T0{hour}:00:00Z");
            store.save(file(&time), 1, 1).await.expect("is written");
        }
    }
    let days = |store: &SharedStore| {
        let days = store.manifest().days.iter().map(|day| format!("{} {}", day.day, day.kept.object));
        days.collect::<Vec<_>>()
    };
    let both = ["2026-05-06 0-1-9", "2026-05-05 0-1-5"];
    assert_eq!(days(&store), both);
    let there = |name: String| {
        let objects = &objects;
        async move { objects.info(name).await.is_ok_and(|info| !info.deleted) }
    };
    let mut left = Vec::new();
    for number in 1..=12 {
        if there(format!("0-1-{number}")).await {
            left.push(number);
        }
    }
    assert_eq!(left, [5, 9, 10, 11, 12], "a day's that fell out is gone");
    // Nothing of it is swept by the next owner, and a day is read by its name.
    let store = claim(2).await.expect("a newer owner").with_days(2);
    store.sweep();
    objects.put("0-1-99", &mut &b"left"[..]).await.expect("is written");
    claim(3).await.expect("a newer owner").sweep();
    until("what was left to be gone", || async { !there("0-1-99".to_owned()).await }).await;
    assert!(there("0-1-5".to_owned()).await && there("0-1-9".to_owned()).await);
    let of_day = store.manifest().of_day("2026-05-05").expect("is kept").clone();
    let found = Objects::new(objects.clone()).join(&of_day).await.expect("answers").expect("is whole");
    assert_eq!(found.event_time.map(|time| time.to_string()).as_deref(), Some("2026-05-05T01:00:00Z"));
    // A ledger that was lost: the days are those of the objects. One that is damaged is none.
    bucket.purge(manifest_key(0)).await.expect("is lost");
    let mut store = claim(4).await.expect("a newer owner").with_days(2);
    assert!(store.recover().await.expect("answers"));
    assert_eq!(days(&store), both);
    objects.put("0-1-5", &mut &b"damaged"[..]).await.expect("is written");
    bucket.purge(manifest_key(0)).await.expect("is lost");
    let mut store = claim(5).await.expect("a newer owner").with_days(2);
    assert!(store.recover().await.expect("answers"));
    assert_eq!(days(&store), both[..1]);
}

#[tokio::test]
async fn what_a_receiver_refuses_outlives_the_member() {
    let server = NatsServer::start().await;
    let a = home();
    cluster(a.path(), &settings(&server, ""), &["init"]);
    let endpoint = Endpoint::start([Answer::Status(404)]).await;
    let (address, local) = (endpoint.address(), "allow_networks = ['127.0.0.0/8']");
    let receiver = format!("[[receivers]]\nname = 'desk'\ntype = 'slack'\nurl = 'http://{address}/'\n{local}\n");
    let first = Humdrum::start(a.path(), &settings(&server, &format!("member = 'a'\n{receiver}"))).await;
    first.ready().await;
    let control = "\"type\":\"control\",\"control\":{\"action\":\"logging_disabled\",\"by\":\"eve\"}";
    let event = format!("{{\"ts\":\"2026-05-04T06:00:00Z\",\"tenant\":\"acme\",\"bot\":\"payroll\",{control}}}");
    let context = server.jetstream().await;
    context.publish("humdrum.events.acme.payroll", event.into()).await.expect("sends").await.expect("is stored");
    let stream = context.get_stream("HUMDRUM_REJECTED").await.expect("exists");
    let letter = || async { stream.get_last_raw_message_by_subject("humdrum.rejected.undelivered.desk").await };
    until("the letter", || async { letter().await.is_ok() }).await;
    first.kill();
    let letter: serde_json::Value = serde_json::from_slice(&letter().await.expect("stays").payload).expect("JSON");
    assert_eq!((&letter["reason"], &letter["status"]), (&"refused".into(), &404.into()), "{letter}");
}

#[tokio::test]
async fn an_id_that_another_partition_has_used_costs_nobody_the_partition() {
    let server = NatsServer::start().await;
    cluster(home().path(), &settings(&server, ""), &["init"]);
    let context = server.jetstream().await;
    let stream = context.get_stream("HUMDRUM_FENCE").await.expect("exists");
    let claim = |part: &str| Fence::claim(context.clone(), stream.clone(), format!("humdrum.cluster.alerts.{part}"), 1);
    let (mut one, mut other) = (claim("0").await.expect("is free"), claim("1").await.expect("is free"));
    one.publish("acme.high", "same", "{}".into()).await.expect("passes");
    other.publish("acme.high", "same", "{}".into()).await.expect("is there");
    other.publish("acme.high", "new", "{}".into()).await.expect("still owns its partition");
    one.publish("acme.high", "newer", "{}".into()).await.expect("still owns its partition");
}
