//! Disks that are full or fail, of the server and of the process: file systems of some megabytes in a namespace of their
//! own, and system calls that are made to fail.

#![expect(clippy::disallowed_methods, reason = "tests read and write their own files")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tokio::time::Instant;

use super::ground::{STORY, as_without, figure, keeping, one_event, publish};
use super::process::read_to_the_end;
use crate::support::config::webhook;
use crate::support::files::read;
use crate::support::humdrum::Humdrum;
use crate::support::nats::{NatsServer, alerts};
use crate::support::running::Running;
use crate::support::until;
use crate::support::webhook::Endpoint;

/// What makes a small file system of a directory, and then runs what follows, where nobody else sees it.
fn on_small_disk(dir: &str, megabytes: u32) -> Vec<String> {
    let script = format!("mount -t tmpfs -o size={megabytes}m none '{dir}' && exec \"$@\"");
    ["unshare", "-rm", "sh", "-c", &script, "sh"].map(ToOwned::to_owned).into()
}

/// A directory as a process sees it.
fn seen_by(pid: u32, dir: &Path) -> PathBuf {
    Path::new(&format!("/proc/{pid}/root")).join(dir.strip_prefix("/").expect("an absolute path"))
}

/// Takes all room that there is.
fn fill(dir: &Path) {
    let mut megabytes = vec![0_u8; 16 << 20];
    while std::fs::write(dir.join("filling"), &megabytes).is_err() && megabytes.len() > 4096 {
        megabytes.truncate(megabytes.len() / 2);
    }
    // And the rest of it, in little pieces.
    let pieces = (0..).take_while(|nth| std::fs::write(dir.join(format!("piece-{nth}")), [0_u8; 4096]).is_ok());
    assert!(pieces.count() < 1_000_000);
}

fn empty(dir: &Path) {
    for entry in std::fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name == "filling" || name.starts_with("piece-") {
            std::fs::remove_file(&path).expect("is removed");
        }
    }
}

#[tokio::test]
async fn row_18_a_full_disk_of_our_own_holds_no_alert_up() {
    let (server, dir) = (NatsServer::start().await, tempfile::tempdir().expect("a directory"));
    let state = dir.path().join("state");
    std::fs::create_dir(&state).expect("makes a directory");
    let settings = format!(
        "[nats]\nurl = '{}'\n[events]\nidle_after = '1h'\n[state]\ndir = 'state'\nsnapshot_every = '1s'\n",
        server.url()
    );
    let small = on_small_disk(&state.to_string_lossy(), 16);
    let humdrum = Humdrum::start_under(&small, dir.path(), &settings).await;
    humdrum.ready().await;
    publish(&server, STORY.part(0, 3)).await;
    until("a snapshot", || async { humdrum.figure("humdrum_snapshot_bytes").await > 0.0 }).await;
    let state = seen_by(humdrum.pid(), &state);
    fill(&state);
    let begun = Instant::now();
    publish(&server, STORY.part(1, 3)).await;
    until("the failure to show", || async { humdrum.figure("humdrum_snapshot_failures_total").await > 0.0 }).await;
    let shown = begun.elapsed();
    assert!(shown < Duration::from_secs(5), "{shown:?}");
    read_to_the_end(&humdrum).await;
    let told = alerts(&server).await.len();
    empty(&state);
    let written = humdrum.figure("humdrum_snapshot_timestamp_seconds").await;
    publish(&server, STORY.part(2, 3)).await;
    until("a snapshot again", || async { humdrum.figure("humdrum_snapshot_timestamp_seconds").await > written }).await;
    read_to_the_end(&humdrum).await;
    // It is over with the process.
    let kept = tempfile::tempdir().expect("a directory");
    until("a snapshot of the end", || async { humdrum.figure("humdrum_snapshot_timestamp_seconds").await > written })
        .await;
    let copy = Command::new("cp").arg("-a").arg(state.join(".")).arg(kept.path()).status();
    assert!(copy.expect("cp runs").success());
    humdrum.kill();
    assert!(alerts(&server).await.len() >= told);
    // What was kept then is good to go on from.
    let settings = settings.replace("dir = 'state'", &format!("dir = '{}'", kept.path().display()));
    let again = Humdrum::start(dir.path(), &settings).await;
    again.ready().await;
    assert!(again.terminate().await.success());
    as_without(&server, kept.path()).await;
    figure("row_18", &format!("shows after {shown:.1?}, 0 alerts lost"));
}

#[tokio::test]
async fn row_19_a_disk_that_does_not_sync_keeps_the_last_good_snapshot() {
    let (server, dir) = (NatsServer::start().await, tempfile::tempdir().expect("a directory"));
    let settings = format!(
        "[nats]\nurl = '{}'\n[events]\nidle_after = '1h'\n[state]\ndir = 'state'\nsnapshot_every = '1s'\n",
        server.url()
    );
    let first = Humdrum::start(dir.path(), &settings).await;
    first.ready().await;
    publish(&server, STORY.part(0, 2)).await;
    read_to_the_end(&first).await;
    assert!(first.terminate().await.success());
    let failing = Humdrum::start(dir.path(), &settings).await;
    failing.ready().await;
    // Every sync fails from now on.
    let inject = "-f -qq -o /dev/null -e trace=fsync,fdatasync -e inject=fsync,fdatasync:error=EIO -p";
    let mut strace = Command::new("strace");
    let mut strace = strace.args(inject.split(' ')).arg(failing.pid().to_string()).spawn().expect("strace runs");
    until("a failure", || async { failing.figure("humdrum_snapshot_failures_total").await > 0.0 }).await;
    let before = failing.figure("humdrum_snapshot_timestamp_seconds").await;
    publish(&server, STORY.part(1, 2)).await;
    read_to_the_end(&failing).await;
    until("failures", || async { failing.figure("humdrum_snapshot_failures_total").await > 2.0 }).await;
    let after = failing.figure("humdrum_snapshot_timestamp_seconds").await;
    assert!((before - after).abs() < 0.5, "none is said to be written");
    failing.kill();
    strace.wait().expect("ends");
    let last = Humdrum::start(dir.path(), &settings).await;
    last.ready().await;
    read_to_the_end(&last).await;
    assert!(last.terminate().await.success());
    as_without(&server, &dir.path().join("state")).await;
    figure("row_19", "no snapshot is said to be written, the last good one is gone on from");
}

#[tokio::test]
async fn row_20_a_full_disk_of_the_server_pages_over_the_web() {
    let server = NatsServer::start_under(|dir| on_small_disk(&dir.to_string_lossy(), 24), &["-js"]).await;
    let (dir, endpoint) = (tempfile::tempdir().expect("a directory"), Endpoint::start([]).await);
    let mut config = keeping(server.url(), dir.path());
    config.webhooks = vec![webhook("pager", endpoint.url())];
    config.events.canary_every = Some(Duration::from_secs(2));
    let running = Running::start(config).await;
    running.ready().await;
    let context = server.jetstream().await;
    context.publish("humdrum.events.acme.bot", one_event(0).into()).await.expect("sends").await.expect("is stored");
    running.accepted(1).await;
    let disk = seen_by(server.pid(), server.dir());
    fill(&disk);
    // What has room left in a block that was begun is still taken.
    for nth in 1..200 {
        context.publish("humdrum.events.acme.bot", one_event(nth).into()).await.expect("sends");
    }
    let begun = Instant::now();
    let told = || async {
        endpoint.requests().iter().any(|page| page.body.windows(15).any(|text| text == b"took no events "))
    };
    until("the page", told).await;
    let paged = begun.elapsed();
    assert!(paged < Duration::from_secs(15), "{paged:?}");
    figure("row_20", &format!("paged {paged:.1?} after the disk was full"));
    running.app.stop().await.ok();
    assert!(!read(&dir.path().join("alerts.ndjson")).is_empty(), "and it is in the log");
}
