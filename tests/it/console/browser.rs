//! The console in a real browser: Chromium, real clicks, at phone and desktop width, in light and dark, and axe-core.
//!
//! The clicks are a script for Node.js, `tests/browser/console.mjs`; this starts the console, keeps alerts coming so that
//! pages have something to refresh for, and holds what the script found.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use humdrum::alert::Alert;

use crate::support::console::{Stand, settings};
use crate::support::files::repository;

/// Said where a tool is missing.
const INSTALL: &str = "`tests/run` installs Chromium, Node.js and the packages of tests/browser, or set CHROMIUM_BIN, \
                       NODE_BIN and BROWSER_MODULES";

fn tool(variable: &str, otherwise: impl Into<PathBuf>) -> PathBuf {
    std::env::var_os(variable).map_or_else(|| otherwise.into(), PathBuf::from)
}

#[tokio::test]
async fn an_analyst_finds_the_way_from_the_overview_to_the_evidence() {
    let stand = Stand::lively(&settings()).await;
    let modules = tool("BROWSER_MODULES", repository("target/test-tools/browser/node_modules"));
    let mut command = Command::new(tool("NODE_BIN", "node"));
    command
        .arg(repository("tests/browser/console.mjs"))
        .env("CONSOLE", stand.url("/"))
        .env("CHROMIUM_BIN", tool("CHROMIUM_BIN", "/usr/bin/chromium"))
        .env("BROWSER_MODULES", &modules)
        .stdin(Stdio::null());
    let clicks = tokio::task::spawn_blocking(move || command.output());
    let archive = stand.archive.clone();
    let news = async {
        let mut beat = tokio::time::interval(Duration::from_millis(300));
        let mut last = archive.all().first().cloned().expect("an alert");
        loop {
            beat.tick().await;
            last = Arc::new(Alert { revision: last.revision + 1, ..(*last).clone() });
            archive.record([&last]);
        }
    };
    let output = tokio::select! {
        output = clicks => output.expect("waits"),
        () = news => unreachable!("it goes on"),
    };
    let output = output.unwrap_or_else(|error| panic!("node: {error}; {INSTALL}"));
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{said}\n({INSTALL})");
    stand.stop().await;
}
