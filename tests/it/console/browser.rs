//! The console in a real browser: Chromium, real clicks, at phone and desktop width, in light and dark, and axe-core.
//!
//! The clicks are a script for Node.js, `tests/browser/console.mjs`. This starts the consoles that it goes to, keeps alerts
//! coming so that pages have something to refresh for, does what the script asks for between two clicks, and holds what
//! the script found.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use humdrum::alert::Alert;
use humdrum::config::{Config, ConsoleConfig};
use humdrum::runtime::archive::Archive;
use humdrum::runtime::console::hash;
use humdrum::runtime::feedback::journal::JOURNAL_NAME;
use tokio::sync::{mpsc, oneshot};

use crate::support::config::{config, state};
use crate::support::console::{Stand, settings};
use crate::support::files::{read as read_file, repository, write};
use crate::support::nats::NatsServer;
use crate::support::payroll::{again, month, publish};
use crate::support::running::Running;
use crate::support::{figure, until_within};

/// Said where a tool is missing.
const INSTALL: &str = "`tests/run` installs Chromium, Node.js and the packages of tests/browser, or set CHROMIUM_BIN, \
                       NODE_BIN and BROWSER_MODULES";
const PASSWORD: &str = "correct horse battery";
/// Time for events to come through everything, beside a browser.
const WITHIN: Duration = Duration::from_secs(40);

fn tool(variable: &str, otherwise: impl Into<PathBuf>) -> PathBuf {
    std::env::var_os(variable).map_or_else(|| otherwise.into(), PathBuf::from)
}

/// What the script asks for, and the way to say that it is done.
type Wish = (String, oneshot::Sender<()>);

/// The script at work.
fn clicks(stands: &[(&str, String)]) -> Child {
    let mut command = Command::new(tool("NODE_BIN", "node"));
    command
        .arg(repository("tests/browser/console.mjs"))
        .envs(stands.iter().map(|(name, url)| (name, url)))
        .env("PASSWORD", PASSWORD)
        .env("CHROMIUM_BIN", tool("CHROMIUM_BIN", "/usr/bin/chromium"))
        .env("BROWSER_MODULES", tool("BROWSER_MODULES", repository("target/test-tools/browser/node_modules")))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.spawn().unwrap_or_else(|error| panic!("node: {error}; {INSTALL}"))
}

/// Listens to the script to its end: whether all was well, and what it said.
fn listen(mut child: Child, wishes: &mpsc::UnboundedSender<Wish>) -> (bool, String) {
    let (mut input, output) = (child.stdin.take().expect("is piped"), child.stdout.take().expect("is piped"));
    let mut said = String::new();
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        if let Some(wish) = line.strip_prefix("ask ") {
            let (done, waits) = oneshot::channel();
            wishes.send((wish.to_owned(), done)).expect("somebody listens");
            waits.blocking_recv().expect("is done");
            writeln!(input, "done").expect("the script listens");
        } else {
            said += &format!("{line}\n");
        }
    }
    let mut errors = child.stderr.take().expect("is piped");
    errors.read_to_string(&mut said).expect("text");
    (child.wait().expect("ends").success(), said)
}

/// Alerts that keep coming.
async fn news(archive: Archive) {
    let mut beat = tokio::time::interval(Duration::from_millis(300));
    let mut last = archive.all().first().cloned().expect("an alert");
    loop {
        beat.tick().await;
        last = Arc::new(Alert { revision: last.revision + 1, ..(*last).clone() });
        archive.record([&last]);
    }
}

/// A run over a real server, with one page.
async fn over_nats(server: &NatsServer, dir: &Path) -> Running {
    let mut config = Config { console: Some(settings()), state: Some(state(dir)), ..config(server.url()) };
    config.events.idle_after = Duration::from_secs(3600);
    let running = Running::start(config).await;
    running.ready().await;
    let events = month();
    publish(server, &events).await;
    read(&running, events.lines().count()).await;
    running
}

/// Waits until so many events were read and what they raised is shown.
async fn read(running: &Running, events: usize) {
    let taken = || async { running.events("accepted") as usize >= events };
    until_within(WITHIN, "the events", taken).await;
    let told = || async { figure(&running.registry, "humdrum_consumer_lag_messages", &[]) < 0.5 };
    until_within(WITHIN, "the end of the stream", told).await;
    let address = running.app.console_address().expect("a console");
    let listed = || async {
        let answer = reqwest::get(format!("http://{address}/api/v1/incidents")).await.expect("an answer");
        answer.text().await.expect("a text").contains("\"incident\"")
    };
    until_within(WITHIN, "an incident", listed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_find_their_way_and_their_word_counts() {
    rustls::crypto::ring::default_provider().install_default().ok();
    let dir = tempfile::tempdir().expect("a directory");
    let users = dir.path().join("users");
    let hash = hash(PASSWORD).expect("hashes");
    write(&users, format!("ann:{hash}:operator\nvic:{hash}\n"));
    let guarded = ConsoleConfig { users_file: Some(users), ..settings() };
    let mut server = NatsServer::start().await;
    let plain = settings();
    let (lively, mut empty, crowded, door, running) = tokio::join!(
        Stand::lively(&plain),
        Stand::blank(&plain),
        Stand::crowded(&plain),
        Stand::lively(&guarded),
        over_nats(&server, dir.path()),
    );
    let nats = format!("http://{}", running.app.console_address().expect("a console"));
    let stands = [
        ("LIVELY", lively.url("")),
        ("EMPTY", empty.url("")),
        ("CROWDED", crowded.url("")),
        ("DOOR", door.url("")),
        ("NATS", nats),
    ];
    let (wishes, mut wished) = mpsc::unbounded_channel::<Wish>();
    let mut ended = tokio::task::spawn_blocking(move || listen(clicks(&stands), &wishes));
    let news = tokio::spawn(news(lively.archive.clone()));
    let (well, said) = loop {
        tokio::select! {
            ended = &mut ended => break ended.expect("listens"),
            Some((wish, done)) = wished.recv() => {
                match wish.as_str() {
                    "next run" => {
                        let events = again(1);
                        publish(&server, &events).await;
                        read(&running, month().lines().count() + events.lines().count()).await;
                    }
                    "nats away" => server.kill(),
                    "end the engine" => {
                        empty.end_engine().await;
                        // Whoever reads is told that something has changed.
                        empty.archive.record(lively.archive.all().first());
                    }
                    other => panic!("nobody knows how to {other}"),
                }
                done.send(()).expect("it waits");
            }
        }
    };
    assert!(well, "{said}\n({INSTALL})");
    let journal = read_file(&dir.path().join(JOURNAL_NAME));
    let said = |verdict: &str| journal.matches(&format!("\"by\":\"ann\",\"verdict\":\"{verdict}\"")).count();
    assert_eq!((journal.lines().count(), said("false"), said("undo")), (2, 1, 1), "{journal}");
    news.abort();
    drop(running);
    for stand in [lively, empty, crowded, door] {
        stand.stop().await;
    }
}
