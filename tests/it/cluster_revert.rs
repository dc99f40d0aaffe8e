//! A bot of a cluster put back to the beginning of a day: members work or are stopped, and nothing is lost or told twice.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Child, Command, Output as Ended, Stdio};
use std::time::Duration;

use async_nats::ConnectOptions;
use async_nats::jetstream::{self, Context};
use futures_util::StreamExt;
use humdrum::alert::{Alert, Dimension};
use humdrum::detect::{Engine, Settings};
use humdrum::runtime::store::format::Checkpoint;
use humdrum::runtime::store::ledger::{Guest, Kept, Lease, Manifest, guest_key, lease_key};
use humdrum::runtime::store::shared::Objects;

use crate::cluster::{
    DEADLINE, PARTITIONS, STORY, as_if_nothing_happened, as_if_only, cluster, home, lease, manifest, owned, publish,
    registry, settings,
};
use crate::cluster_loss::{alarm, alarm_at, told};
use crate::state::calls;
use crate::support::files::{read, repository, write};
use crate::support::humdrum::Humdrum;
use crate::support::nats::NatsServer;
use crate::support::proxy::{Proxy, Weather};
use crate::support::{until, until_within};

const BOT: [&str; 4] = ["--tenant", "acme", "--bot", "payroll"];
const VOLUME: [&str; 4] = ["--dimension", "volume", "--to", "2026-04-20"];

/// A member writes a snapshot after a second, and the next when it leaves.
fn seldom(server: &NatsServer, more: &str) -> String {
    settings(server, more).replace("snapshot_every = '1s'", "snapshot_every = '1h'")
}

fn command(dir: &Path, settings: &str, args: &[&str]) -> Command {
    write(&dir.join("cluster.toml"), settings);
    let mut command = Command::new(env!("CARGO_BIN_EXE_humdrum"));
    command.arg("state").args(args).args(["--config", "cluster.toml"]).current_dir(dir).env_clear();
    command
}

/// What `humdrum state` does beside whatever goes on.
async fn state(dir: &Path, settings: &str, args: &[&str]) -> Ended {
    let mut command = command(dir, settings, args);
    tokio::task::spawn_blocking(move || command.output().expect("the binary runs")).await.expect("ends")
}

fn said(ended: &Ended) -> String {
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    String::from_utf8(ended.stdout.clone()).expect("UTF-8")
}

/// What it says that went wrong.
fn refused(ended: &Ended) -> String {
    assert_eq!(ended.status.code(), Some(1), "{}", String::from_utf8_lossy(&ended.stdout));
    String::from_utf8(ended.stderr.clone()).expect("UTF-8")
}

/// The bot's calls of some days.
async fn work(context: &Context, days: std::ops::RangeInclusive<u64>) {
    for json in days.flat_map(calls) {
        let sent = context.publish("humdrum.events.acme.payroll", json.into()).await;
        sent.expect("sends").await.expect("is stored");
    }
}

/// Event time behind those days, at which something is an alert.
const THEN: &str = "2026-04-30T06:00:00Z";

/// A member reads so many events, and leaves in order. Its first snapshot is that of the day at which it began.
async fn pass(dir: &Path, server: &NatsServer, events: usize) {
    let member = Humdrum::start(dir, &seldom(server, "member = 'a'\n")).await;
    have_read(&[&member], events).await;
    assert!(member.terminate().await.success());
}

/// Waits until members have read so many events between them. What is handed over in order nobody reads twice.
async fn have_read(members: &[&Humdrum], events: usize) {
    until_within(DEADLINE, &format!("{events} events to be read"), || async {
        let mut read = 0.0;
        for member in members {
            read += member.figure("humdrum_events_total{").await;
        }
        read as usize >= events
    })
    .await;
}

/// The partition of a bot's events.
async fn partition_of(context: &Context, below: &str) -> u16 {
    let stream = context.get_stream("HUMDRUM_EVENTS").await.expect("exists");
    for partition in 0..PARTITIONS {
        let subject = format!("humdrum.cluster.events.{partition}.{below}");
        if stream.get_last_raw_message_by_subject(&subject).await.is_ok() {
            return partition;
        }
    }
    panic!("no event of {below}");
}

async fn join(context: &Context, kept: &Kept) -> Checkpoint {
    let objects = Objects::new(context.get_object_store("HUMDRUM_SNAPSHOTS").await.expect("exists"));
    objects.join(kept).await.expect("answers").expect("is whole")
}

fn days(manifest: &Manifest) -> Vec<&str> {
    manifest.days.iter().map(|day| day.day.as_str()).collect()
}

/// The bot's twenty days are a day's snapshot, and ten more have followed. No member runs.
async fn taught(dir: &Path, server: &NatsServer) -> u16 {
    let context = server.jetstream().await;
    cluster(dir, &seldom(server, ""), &["init"]);
    work(&context, 1..=20).await;
    pass(dir, server, 60).await;
    // What there was is in the first snapshot of whoever comes next.
    let member = Humdrum::start(dir, &seldom(server, "member = 'a'\n")).await;
    let partition = partition_of(&context, "acme.payroll").await;
    until("the snapshot of the day", || async { days(&manifest(&context, partition).await).contains(&"2026-04-20") })
        .await;
    work(&context, 21..=30).await;
    have_read(&[&member], 30).await;
    assert!(member.terminate().await.success());
    partition
}

#[tokio::test]
async fn days_are_listed_and_a_bot_is_put_back_while_no_member_runs() {
    let (server, dir) = (NatsServer::start().await, home());
    let context = server.jetstream().await;
    let partition = taught(dir.path(), &server).await;
    let settings = seldom(&server, "");
    let state = async |args: Vec<&'static str>| state(dir.path(), &settings, &args).await;
    let with = |verb: &'static str, more: &[&'static str]| [&[verb], &BOT[..], more].concat();
    let export = async |more: &[&'static str]| -> serde_json::Value {
        serde_json::from_str(&said(&state(with("export", more)).await)).expect("JSON")
    };
    let listed = said(&state(vec!["inspect"]).await);
    let day = listed.lines().find(|line| line.contains("  2026-04-20  ")).expect("the day");
    assert!(day.starts_with(&format!("{partition}  ")) && day.ends_with("2026-04-20T03:00:00Z  whole"), "{listed}");
    let (now, then) = (export(&[]).await, export(&["--at", "2026-04-20"]).await);
    assert_ne!(now["baseline"]["volumes"], then["baseline"]["volumes"]);
    let before = (manifest(&context, partition).await, told(&server).await);
    // What cannot be done changes nothing, and takes nothing from anybody.
    let gone = refused(&state(with("export", &["--at", "2026-03-01"])).await);
    assert!(gone.contains("no snapshot of the beginning of 2026-03-01 is kept in partition"), "{gone}");
    assert!(gone.contains(", but of ") && gone.contains("2026-04-20"), "{gone}");
    assert!(refused(&state(with("revert", &["--to", "2026-03-01"])).await).contains("of 2026-03-01 is kept"));
    let nobody = refused(&state(vec!["revert", "--bot", "nobody", "--to", "2026-04-20"]).await);
    assert!(nobody.contains("bot `nobody` of tenant `default` is in no partition's newest snapshot"), "{nobody}");
    assert_eq!((manifest(&context, partition).await, told(&server).await), before);
    let epoch = lease(&context, partition).await.epoch;
    let text = said(&state(with("revert", &VOLUME)).await);
    let done = "volume of `payroll` of tenant `acme` is that of the beginning of 2026-04-20; partition ";
    assert!(text.starts_with(done), "{text}");
    let reverted = export(&[]).await;
    assert_eq!(reverted["baseline"]["volumes"], then["baseline"]["volumes"]);
    assert_eq!(reverted["baseline"]["week"], now["baseline"]["week"]);
    // All else of the snapshot is as it was, and nothing of the guest is left.
    let (kept_before, kept) = (&before.0.kept[0], manifest(&context, partition).await.kept.remove(0));
    assert_eq!(kept.sequence, kept_before.sequence, "the stream goes on where it was");
    let (old, new) = (join(&context, kept_before).await, join(&context, &kept).await);
    assert_ne!(old.engine, new.engine);
    assert_eq!(Checkpoint { engine: Vec::new(), ..old }, Checkpoint { engine: Vec::new(), ..new });
    let left = lease(&context, partition).await;
    assert!(left.released && left.epoch == epoch + 1 && left.member.starts_with("guest-"), "{left:?}");
    let bucket = context.get_key_value("HUMDRUM_CLUSTER").await.expect("exists");
    assert!(bucket.get(guest_key(partition)).await.expect("answers").is_none());
    assert_eq!(told(&server).await, before.1);
    // A member goes on behind it.
    alarm_at(&context, "payroll", THEN).await;
    pass(dir.path(), &server, 1).await;
    until("the alert", || async { told(&server).await.len() > before.1.len() }).await;
    let after = told(&server).await;
    assert!(after.len() > before.1.len() && after[..before.1.len()] == before.1[..], "{after:?}");
    once(&after);
}

/// Each alert is there once.
fn once(alerts: &[Alert]) {
    let ids: BTreeSet<_> = alerts.iter().map(|alert| (&alert.id, alert.revision)).collect();
    assert_eq!(ids.len(), alerts.len(), "{alerts:?}");
}

#[tokio::test]
async fn a_bot_is_put_back_while_members_work_and_every_alert_is_told_once() {
    let (server, a, b) = (NatsServer::start().await, home(), home());
    let context = server.jetstream().await;
    cluster(a.path(), &seldom(&server, ""), &["init"]);
    let third = STORY.events.len() / 3;
    publish(&server, &STORY.events[..third]).await;
    pass(a.path(), &server, third).await;
    let event = &STORY.events[third];
    let (tenant, bot) = (event.tenant.to_string(), event.bot.to_string());
    let partition = partition_of(&context, &format!("{tenant}.{bot}")).await;
    let first = Humdrum::start(a.path(), &seldom(&server, "member = 'a'\n")).await;
    let second = Humdrum::start(b.path(), &seldom(&server, "member = 'b'\n")).await;
    first.ready().await;
    second.ready().await;
    until("a day", || async { !manifest(&context, partition).await.days.is_empty() }).await;
    publish(&server, &STORY.events[third..2 * third]).await;
    have_read(&[&first, &second], third).await;
    balanced(&context).await;
    let epoch = lease(&context, partition).await.epoch + 1;
    let day = manifest(&context, partition).await.days[0].clone();
    let args = ["revert", "--tenant", &tenant, "--bot", &bot, "--dimension", "volume", "--to", &day.day];
    // The stream goes on meanwhile.
    let settings = seldom(&server, "");
    let (reverted, ()) = tokio::join!(state(a.path(), &settings, &args), publish(&server, &STORY.events[2 * third..]));
    said(&reverted);
    // The next owner has written one snapshot at most.
    let kept = manifest(&context, partition).await.kept;
    let guest = kept.iter().find(|kept| epoch_of(kept) == epoch);
    let cut = guest.expect("the guest's snapshot").sequence;
    have_read(&[&first, &second], STORY.events.len() - third).await;
    assert!(first.terminate().await.success());
    assert!(second.terminate().await.success());
    let earlier = join(&context, &day.kept).await.engine;
    let mut done = false;
    as_if_only(&server, |sequence, engines| {
        if sequence > cut && !done {
            let earlier = Engine::restore(&earlier, Settings::default(), registry()).expect("is whole");
            let engine = engines.get_mut(&partition).expect("is there");
            let before = engine.state_hash();
            engine.revert(&earlier, &tenant, &bot, Some(Dimension::Volume)).expect("is known");
            assert_ne!(engine.state_hash(), before, "something was put back");
            done = true;
        }
    })
    .await;
    assert!(done, "before the end of the stream");
}

/// Waits until the members have as many partitions each, so that none is given to another any more.
async fn balanced(context: &Context) {
    let store = context.get_key_value("HUMDRUM_CLUSTER").await.expect("exists");
    let keys: Vec<_> = store.keys().await.expect("answers").collect().await;
    let keys = keys.into_iter().map(|key: Result<String, _>| key.expect("a key"));
    let members: Vec<String> = keys.filter_map(|key| key.strip_prefix("member.").map(ToOwned::to_owned)).collect();
    until("members to have as many partitions each", || async {
        let mut shares: BTreeMap<&str, u32> = members.iter().map(|member| (member.as_str(), 0)).collect();
        for partition in 0..PARTITIONS {
            let lease = lease(context, partition).await;
            match shares.get_mut(lease.member.as_str()).filter(|_| !lease.released) {
                Some(share) => *share += 1,
                None => return false,
            }
        }
        shares.values().max() <= shares.values().min().map(|least| least + 1).as_ref()
    })
    .await;
}

/// In which epoch a snapshot was written.
fn epoch_of(kept: &Kept) -> u64 {
    kept.object.split('-').nth(1).and_then(|epoch| epoch.parse().ok()).expect("an epoch")
}

#[tokio::test]
async fn what_an_owner_told_that_was_killed_is_read_again_first() {
    let (server, dir) = (NatsServer::start().await, home());
    let context = server.jetstream().await;
    let partition = taught(dir.path(), &server).await;
    let before = told(&server).await.len();
    let member = Humdrum::start(dir.path(), &seldom(&server, "member = 'a'\n")).await;
    owned(&context, "a-").await;
    let epoch = lease(&context, partition).await.epoch;
    until("its first snapshot", || async {
        manifest(&context, partition).await.kept.first().is_some_and(|kept| epoch_of(kept) == epoch)
    })
    .await;
    alarm_at(&context, "payroll", THEN).await;
    until("the alert", || async { told(&server).await.len() == before + 1 }).await;
    member.kill();
    let kept = manifest(&context, partition).await.kept;
    let (args, settings) = ([&["revert"], &BOT[..], &VOLUME[..]].concat(), seldom(&server, ""));
    let text = refused(&state(dir.path(), &settings, &args).await);
    assert!(text.contains("stand behind its newest snapshot (1)") && text.contains("Nothing was changed"), "{text}");
    assert_eq!(manifest(&context, partition).await.kept, kept);
    assert!(lease(&context, partition).await.released, "it is given back all the same");
    let member = Humdrum::start(dir.path(), &seldom(&server, "member = 'b'\n")).await;
    have_read(&[&member], 1).await;
    said(&state(dir.path(), &settings, &args).await);
    owned(&context, "b-").await;
    alarm_at(&context, "other", THEN).await;
    until("the next alert", || async { told(&server).await.len() == before + 2 }).await;
    assert!(member.terminate().await.success());
    once(&told(&server).await);
}

#[tokio::test]
async fn an_owner_that_knows_no_guests_keeps_its_partition() {
    let (server, dir) = (NatsServer::start().await, home());
    let context = server.jetstream().await;
    let partition = taught(dir.path(), &server).await;
    let kept = manifest(&context, partition).await;
    let bucket = context.get_key_value("HUMDRUM_CLUSTER").await.expect("exists");
    let epoch = lease(&context, partition).await.epoch + 1;
    let old = serde_json::to_vec(&Lease { member: "old".to_owned(), epoch, released: false }).expect("JSON");
    bucket.put(lease_key(partition), old.clone().into()).await.expect("is written");
    let renewing = tokio::spawn({
        let bucket = bucket.clone();
        async move {
            let mut due = tokio::time::interval(Duration::from_millis(100));
            loop {
                due.tick().await;
                bucket.put(lease_key(partition), old.clone().into()).await.expect("is written");
            }
        }
    });
    let settings = seldom(&server, "");
    // One asks for as long as it may, another one is told so.
    let args = |within: &'static str| [&["revert", "--within", within], &BOT[..], &VOLUME[..]].concat();
    let mut asking =
        command(dir.path(), &settings, &args("3600")).stderr(Stdio::null()).spawn().expect("the binary runs");
    until("its wish", || async { bucket.get(guest_key(partition)).await.expect("answers").is_some() }).await;
    let text = refused(&state(dir.path(), &settings, &args("60")).await);
    assert!(text.contains(&format!("another command asks for partition {partition}")), "{text}");
    let status = cluster(dir.path(), &settings, &["status"]);
    assert!(status.contains("old") && !status.contains("guest-"), "it is no member: {status}");
    asking.kill().expect("can be killed");
    asking.wait().expect("ends");
    // The wish that it has left says nothing.
    let text = refused(&state(dir.path(), &settings, &args("3")).await);
    let kept_back = format!("partition {partition} was not given back within 3 s by old");
    assert!(text.contains(&kept_back) && text.contains("Nothing was changed"), "{text}");
    assert_eq!(manifest(&context, partition).await, kept);
    renewing.abort();
    // It stands still now, as that of a member that died.
    said(&state(dir.path(), &settings, &args("60")).await);
}

#[tokio::test]
async fn a_guest_that_lets_a_partition_lie_has_it_given_back_once() {
    let (server, dir) = (NatsServer::start().await, home());
    let context = server.jetstream().await;
    cluster(dir.path(), &settings(&server, ""), &["init"]);
    let member = Humdrum::start(dir.path(), &settings(&server, "member = 'a'\n")).await;
    owned(&context, "a-").await;
    let bucket = context.get_key_value("HUMDRUM_CLUSTER").await.expect("exists");
    let asking = tokio::spawn({
        let (bucket, guest) = (bucket.clone(), Guest { member: "guest-idle".to_owned() });
        async move {
            let (mut due, guest) = (tokio::time::interval(Duration::from_millis(100)), serde_json::to_vec(&guest));
            loop {
                due.tick().await;
                bucket.put(guest_key(2), guest.as_ref().expect("JSON").clone().into()).await.expect("is written");
            }
        }
    });
    let again = || async { lease(&context, 2).await.epoch == 2 && !lease(&context, 2).await.released };
    until("the partition to be given back and taken again", again).await;
    let renewed = async || bucket.entry(lease_key(2)).await.expect("answers").expect("a lease").revision;
    // Each renewal of the four leases is a revision, and so is each wish.
    let since = renewed().await;
    until("it to be kept", || async { renewed().await > since + 40 }).await;
    let epochs =
        async || [lease(&context, 1).await, lease(&context, 2).await].map(|lease| (lease.epoch, lease.released));
    assert_eq!(epochs().await, [(1, false), (2, false)], "once, and that one only");
    asking.abort();
    assert!(member.terminate().await.success());
}

/// Starts a command behind a network on which everything takes long, and waits until it has the partition.
async fn slow_guest(dir: &Path, settings: &str, args: &[&str], context: &Context, partition: u16) -> Child {
    let log = std::fs::OpenOptions::new().create(true).append(true).open(dir.join("guest.log")).expect("a log");
    let mut command = command(dir, settings, args);
    let mut guest = command.stdout(Stdio::null()).stderr(log).spawn().expect("the binary runs");
    until_within(DEADLINE, "the guest to have the partition", || {
        let ended = guest.try_wait().expect("can be asked");
        assert!(ended.is_none(), "it ended: {}", read(&dir.join("guest.log")));
        async { lease(context, partition).await.member.starts_with("guest-") }
    })
    .await;
    guest
}

#[tokio::test]
async fn a_command_that_is_killed_leaves_the_partition_to_the_members() {
    let (server, dir) = (NatsServer::start().await, home());
    let context = server.jetstream().await;
    cluster(dir.path(), &seldom(&server, ""), &["init"]);
    let half = STORY.events.len() / 2;
    publish(&server, &STORY.events[..half]).await;
    pass(dir.path(), &server, half).await;
    let event = &STORY.events[half];
    let (tenant, bot) = (event.tenant.to_string(), event.bot.to_string());
    let partition = partition_of(&context, &format!("{tenant}.{bot}")).await;
    let member = Humdrum::start(dir.path(), &seldom(&server, "member = 'a'\n")).await;
    until("a day", || async { !manifest(&context, partition).await.days.is_empty() }).await;
    let day = manifest(&context, partition).await.days[0].day.clone();
    let proxy = Proxy::start(server.address()).await;
    // What it does with the partition takes more than ten times there and back.
    proxy.set(Weather { delay: Duration::from_millis(200), ..Weather::default() });
    let slow = seldom(&server, "").replace(&server.url(), &proxy.url());
    let args = ["revert", "--tenant", &tenant, "--bot", &bot, "--to", &day];
    let mut guest = slow_guest(dir.path(), &slow, &args, &context, partition).await;
    proxy.set(Weather { deaf: true, ..Weather::default() });
    let epoch = lease(&context, partition).await.epoch;
    guest.kill().expect("can be killed");
    guest.wait().expect("ends");
    owned(&context, "a-").await;
    assert!(lease(&context, partition).await.epoch > epoch);
    publish(&server, &STORY.events[half..]).await;
    have_read(&[&member], STORY.events.len() - half).await;
    assert!(member.terminate().await.success());
    as_if_nothing_happened(&server).await;
}

#[tokio::test]
async fn a_member_s_account_may_put_a_bot_back_and_a_producer_s_may_not() {
    let server = NatsServer::start_configured(&read(&repository("fixtures/nats/cluster.conf"))).await;
    let (a, url) = (home(), |user: &str| server.url().replace("nats://", &format!("nats://{user}:{user}@")));
    let as_user = |user: &str, more: &str| {
        let text = seldom(&server, more).replace(&server.url(), &url(user));
        text.replace("[nats]\n", "[nats]\ninbox_prefix = '_INBOX_humdrum'\n")
    };
    cluster(a.path(), &as_user("admin", ""), &["init"]);
    let options = ConnectOptions::with_user_and_password("admin".to_owned(), "admin".to_owned());
    let admin = jetstream::new(options.connect(server.url()).await.expect("connects"));
    alarm(&admin, "payroll").await;
    let partition = partition_of(&admin, "acme.payroll").await;
    for events in [1, 0] {
        let member = Humdrum::start(a.path(), &as_user("humdrum", "member = 'a'\n")).await;
        owned(&admin, "a-").await;
        have_read(&[&member], events).await;
        let epoch = lease(&admin, partition).await.epoch;
        until("its snapshot", || async {
            manifest(&admin, partition).await.kept.first().is_some_and(|kept| epoch_of(kept) == epoch)
        })
        .await;
        assert!(member.terminate().await.success());
    }
    let args = [&["revert"], &BOT[..], &["--to", "2026-05-04"]].concat();
    let before = manifest(&admin, partition).await;
    let producer = as_user("payroll", "").replace("_INBOX_humdrum", "_INBOX");
    let text = refused(&state(a.path(), &producer, &args).await);
    assert!(text.contains("the cluster's bucket cannot be opened"), "{text}");
    assert_eq!(manifest(&admin, partition).await, before);
    said(&state(a.path(), &as_user("humdrum", ""), &args).await);
    assert_eq!(manifest(&admin, partition).await.epoch, before.epoch + 1);
}
