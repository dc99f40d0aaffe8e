//! The console, over real sockets: what it shows, whom it lets in, and what it refuses.

mod access;
mod browser;
mod pages;
mod stream;

use std::time::Duration;

use humdrum::config::ConsoleConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::console::{Stand, settings};

/// Time in which a connection that brings nothing must have been closed, with room for a busy machine.
const CLOSED_WITHIN: Duration = Duration::from_secs(15);

/// Sends a text and reads what comes back until the other side closes.
async fn exchange(stand: &Stand, text: &str) -> String {
    let mut stream = TcpStream::connect(stand.console.address()).await.expect("a connection");
    stream.write_all(text.as_bytes()).await.expect("sent");
    let mut bytes = Vec::new();
    let _ended = timeout(CLOSED_WITHIN, stream.read_to_end(&mut bytes)).await.expect("closed in time");
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test]
async fn foreign_names_are_refused_and_own_ones_are_answered() {
    let stand = Stand::blank(&ConsoleConfig { hosts: vec!["watch.example.com".to_owned()], ..settings() }).await;
    for (host, code) in [
        ("Host: localhost", "200"),
        ("Host: watch.example.com:9465", "200"),
        ("Host: rebound.example.net", "421"),
        ("Host: localhost\r\nHost: localhost", "421"),
        ("X: y", "421"),
    ] {
        let answer = exchange(&stand, &format!("GET / HTTP/1.1\r\n{host}\r\nConnection: close\r\n\r\n")).await;
        let status = answer.split(' ').nth(1).unwrap_or_default();
        // Two names are refused by the parser or by us, and never answered.
        assert!(status == code || (code == "421" && status == "400"), "{host}: {answer}");
    }
    stand.stop().await;
}

#[tokio::test]
async fn a_silent_socket_and_a_head_that_does_not_end_are_closed_while_pages_are_served() {
    let stand = Stand::blank(&settings()).await;
    let (silent, half) = tokio::join!(exchange(&stand, ""), exchange(&stand, "GET / HTTP/1.1\r\nHost: local"));
    assert!(silent.is_empty() && !half.contains("200 OK"), "{half}");
    assert_eq!(stand.get("/").await.0, 200);
    stand.stop().await;
}

#[tokio::test]
async fn every_answer_carries_the_policy() {
    let stand = Stand::blank(&settings()).await;
    for path in ["/", "/static/console.css", "/api/v1/overview", "/nowhere", "/api/nowhere", "/incidents/none"] {
        let answer = stand.http.get(stand.url(path)).send().await.expect("an answer");
        let header = |name: &str| answer.headers()[name].to_str().expect("text").to_owned();
        let policy = header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; style-src 'self'; script-src 'self';"), "{path}: {policy}");
        assert!(!policy.contains("unsafe") && policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
        assert_eq!(
            (header("x-content-type-options"), header("referrer-policy")),
            ("nosniff".into(), "same-origin".into())
        );
        assert!(header("server-timing").starts_with("page;dur="), "{path}");
    }
    for method in ["POST", "PUT", "DELETE"] {
        for path in ["/", "/incidents", "/bots", "/api/v1/bots", "/api/v1/overview"] {
            let method = reqwest::Method::from_bytes(method.as_bytes()).expect("a method");
            let answer = stand.http.request(method, stand.url(path)).send().await.expect("an answer");
            assert_eq!(answer.status().as_u16(), 405, "{path} only reads");
        }
    }
    stand.stop().await;
}
