//! The demo as a newcomer runs it: the binary, in a terminal or a pipe, with nothing set up.

use std::process::{Command, Stdio};

use crate::support::nats::NatsServer;

const CLOSING: &str = "Every path carried every alert";

/// Runs the demo to its end and gives what it printed, which has at least so many pages.
fn demo(arguments: &[&str], pages_min: usize) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_humdrum"))
        .args(["demo", "--once", "--fast"])
        .args(arguments)
        .env_clear()
        .stdin(Stdio::null())
        .output()
        .expect("the binary runs");
    let (out, log) = (String::from_utf8(output.stdout).expect("UTF-8"), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{log}\n{out}");
    assert!(!out.contains('\u{1b}') && !log.contains('\u{1b}'), "a pipe gets no escape codes");
    let pages = out.lines().filter(|line| ["MEDIUM ", "HIGH ", "CRITICAL "].iter().any(|s| line.starts_with(s)));
    assert!(pages.count() >= pages_min, "{out}");
    assert!(out.contains(CLOSING), "{out}");
    out
}

#[test]
fn the_demo_shows_pages_and_ends_well() {
    let out = demo(&[], 5);
    assert!(out.trim_end().lines().last().is_some_and(|line| line.starts_with(CLOSING)), "{out}");
}

#[tokio::test]
async fn the_demo_through_a_server_leaves_nothing_behind() {
    let server = NatsServer::start_with(&["-js", "--user", "humdrum", "--pass", "right"]).await;
    let url = server.url().replace("nats://", "nats://humdrum:right@");
    let run = tokio::task::spawn_blocking({
        let url = url.clone();
        move || demo(&["--bots", "12", "--nats", &url], 1)
    });
    let out = run.await.expect("ends");
    assert!(out.contains("exactly the alerts that the engine raises alone"), "{out}");
    assert!(out.contains("nats://…@127.0.0.1") && !out.contains("right@"), "{out}");
    let options = async_nats::ConnectOptions::with_user_and_password("humdrum".to_owned(), "right".to_owned());
    let client = options.connect(server.url()).await.expect("connects");
    let account = async_nats::jetstream::new(client).query_account().await.expect("answers");
    assert_eq!((account.streams, account.consumers), (0, 0));
}

#[test]
fn a_server_that_is_not_there_is_said_at_once() {
    let address = crate::support::free_address();
    let output = Command::new(env!("CARGO_BIN_EXE_humdrum"))
        .args(["demo", "--once", "--fast", "--nats", &format!("nats://{address}")])
        .env_clear()
        .output()
        .expect("the binary runs");
    let log = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{log}");
    assert!(log.contains(&format!("nats cannot be reached at nats://{address}")), "{log}");
}
