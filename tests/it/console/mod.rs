//! The console, over real sockets: what it shows, whom it lets in, and what it refuses.

mod access;
mod browser;
mod pages;
mod spoken;
mod stream;

use std::time::Duration;

use humdrum::config::ConsoleConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::console::{Stand, settings};

/// Time in which a connection that brings nothing must have been closed, with room for a busy machine.
const CLOSED_WITHIN: Duration = Duration::from_secs(15);

/// The same for a stop, whose own grace is a fifth of a second.
const STOPPED_WITHIN: Duration = Duration::from_secs(1);

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
async fn what_does_not_end_is_closed_while_pages_are_served() {
    let stand = Stand::blank(&settings()).await;
    let post = "POST /sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\nname=";
    let (silent, half, slow) =
        tokio::join!(exchange(&stand, ""), exchange(&stand, "GET / HTTP/1.1\r\nHost: local"), exchange(&stand, post));
    assert!(silent.is_empty() && !half.contains("200 OK"), "{half}");
    assert!(slow.starts_with("HTTP/1.1 408 ") && slow.contains("The form took too long to arrive."), "{slow}");
    let long = format!("{}{}", post.replace("99", "99999"), "x".repeat(20_000));
    let answer = exchange(&stand, &long).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 413 "), "{answer}");
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
            let said = answer.text().await.expect("a text");
            let told = if path.starts_with("/api") { "\"detail\":\"this address" } else { "<h1>This address" };
            assert!(said.contains(&format!("{told} is only read")), "{path}: {said}");
        }
    }
    stand.stop().await;
}

#[tokio::test]
async fn what_is_asked_badly_is_told_well() {
    let stand = Stand::blank(&settings()).await;
    for (path, status, told) in [
        ("/bots?page=many", 400, "<h1>Page is to be a whole number.</h1>"),
        ("/incidents?page=-1", 400, "is to be a whole number"),
        ("/bot?tenant=a", 400, "<h1>Missing field <code>bot</code>.</h1>"),
        ("/incidents/%ff", 404, "<h1>There is no such page.</h1>"),
        ("/static/none", 404, "<h1>There is no such file.</h1>"),
    ] {
        let (code, page) = stand.get(path).await;
        assert!(code == status && page.contains(told) && page.contains("class=\"brand\""), "{path}: {page}");
    }
    for (path, status, told) in [
        ("/api/v1/bots?per_page=many", 400, "per_page is to be a whole number"),
        ("/api/v1/incidents/none", 404, "no incident `none` is remembered"),
        ("/api/v1/incidents/%ff", 404, "there is no such page"),
        ("/api/nowhere", 404, "there is no such address"),
    ] {
        let answer = stand.http.get(stand.url(path)).send().await.expect("an answer");
        assert_eq!(answer.headers()["content-type"], "application/problem+json", "{path}");
        assert_eq!(answer.status().as_u16(), status, "{path}");
        let problem: serde_json::Value = serde_json::from_str(&answer.text().await.expect("a text")).expect("JSON");
        assert!(problem["status"] == status && problem["title"].is_string(), "{problem}");
        assert!(problem["advice"].is_string() && problem["detail"] == told, "{problem}");
    }
    stand.stop().await;
}

#[tokio::test]
async fn a_stop_and_a_drop_end_what_is_live_at_once() {
    for drops in [false, true] {
        let stand = Stand::blank(&settings()).await;
        let address = stand.console.address();
        let open = async |path: &str| {
            let mut stream = TcpStream::connect(address).await.expect("a connection");
            let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
            stream.write_all(head.as_bytes()).await.expect("sent");
            let mut first = [0; 64];
            stream.read_exact(&mut first).await.expect("it answers");
            stream
        };
        let mut streams = [open("/live").await, open("/").await, open("/live").await];
        let mut half = TcpStream::connect(address).await.expect("a connection");
        half.write_all(b"GET / HT").await.expect("sent");
        let began = tokio::time::Instant::now();
        if drops {
            drop(stand);
        } else {
            stand.stop().await;
        }
        for stream in &mut streams {
            let mut rest = Vec::new();
            let ended = timeout(CLOSED_WITHIN, stream.read_to_end(&mut rest)).await;
            assert!(ended.is_ok(), "it is still open");
        }
        assert!(began.elapsed() < STOPPED_WITHIN, "{:?}", began.elapsed());
        assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
    }
}
