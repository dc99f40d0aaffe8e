//! The metrics listener, over real sockets: it answers, and nobody can hold on to it.

use std::sync::Arc;
use std::time::Duration;

use humdrum::runtime::http::{HttpParams, HttpServer};
use prometheus::{IntCounter, Registry};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Time in which the test's own listener must have closed, with room for a busy machine.
const CLOSED_WITHIN: Duration = Duration::from_secs(10);

/// Time that the tests' listener gives a connection: enough for an honest one on a busy machine.
const DEADLINE: Duration = Duration::from_secs(1);

fn params() -> HttpParams {
    HttpParams { deadline: DEADLINE, head_deadline: DEADLINE, ..HttpParams::default() }
}

async fn start(params: HttpParams, reasons: &'static [&'static str]) -> HttpServer {
    let registry = Registry::new();
    let counter = IntCounter::new("humdrum_test_total", "A test.").expect("a counter");
    counter.inc_by(7);
    registry.register(Box::new(counter)).expect("a free name");
    let readiness = move || match reasons {
        [] => Ok(()),
        reasons => Err(reasons.iter().map(ToString::to_string).collect()),
    };
    let address = "127.0.0.1:0".parse().expect("an address");
    HttpServer::start(address, params, registry, Arc::new(readiness)).await.expect("a listener")
}

async fn connect(server: &HttpServer) -> TcpStream {
    TcpStream::connect(server.address()).await.expect("a connection")
}

/// Sends a text and reads until the other side closes.
async fn exchange(server: &HttpServer, text: &str) -> String {
    let mut stream = connect(server).await;
    stream.write_all(text.as_bytes()).await.expect("sent");
    rest(&mut stream).await
}

/// What arrives until the other side closes, which it must do in time. A reset is a close, too.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let _ended = timeout(CLOSED_WITHIN, stream.read_to_end(&mut bytes)).await.expect("closed in time");
    String::from_utf8_lossy(&bytes).into_owned()
}

async fn status(server: &HttpServer, method: &str, path: &str) -> (String, String) {
    let answer = exchange(server, &format!("{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n")).await;
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    (head.lines().next().expect("a status").to_owned(), body.to_owned())
}

#[tokio::test]
async fn the_pages_answer() {
    let server = start(params(), &[]).await;
    for (method, path, code, text) in [
        ("GET", "/metrics", "200 OK", "humdrum_test_total 7"),
        ("GET", "/healthz", "200 OK", "ok"),
        ("GET", "/readyz", "200 OK", "ready"),
        ("HEAD", "/healthz", "200 OK", ""),
        ("GET", "/", "404 Not Found", "/metrics"),
        ("GET", "/metrics/x", "404 Not Found", "/metrics"),
        ("POST", "/metrics", "405 Method Not Allowed", ""),
        ("DELETE", "/readyz", "405 Method Not Allowed", ""),
    ] {
        let (line, body) = status(&server, method, path).await;
        assert_eq!(line, format!("HTTP/1.1 {code}"), "{method} {path}");
        assert!(body.contains(text), "{method} {path}: {body}");
    }
    server.stop().await;
}

#[tokio::test]
async fn what_is_not_ready_says_why() {
    let server = start(params(), &["not connected to nats", "catching up"]).await;
    let (line, body) = status(&server, "GET", "/readyz").await;
    assert_eq!(line, "HTTP/1.1 503 Service Unavailable");
    assert_eq!(body, "not connected to nats\ncatching up\n");
    let (alive, _) = status(&server, "GET", "/healthz").await;
    assert_eq!(alive, "HTTP/1.1 200 OK", "alive is not the same as ready");
    server.stop().await;
}

#[tokio::test]
async fn a_silent_socket_and_half_a_head_are_closed_while_others_are_served() {
    let server = start(params(), &[]).await;
    let mut silent = connect(&server).await;
    let mut half = connect(&server).await;
    half.write_all(b"GET /metrics HTTP/1.1\r\nHost: ").await.expect("sent");
    let (line, _) = status(&server, "GET", "/metrics").await;
    assert_eq!(line, "HTTP/1.1 200 OK");
    assert_eq!(rest(&mut silent).await, "");
    let answer = rest(&mut half).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{answer}");
    server.stop().await;
}

#[tokio::test]
async fn a_head_that_trickles_does_not_live_longer() {
    let server = start(params(), &[]).await;
    let mut stream = connect(&server).await;
    stream.write_all(b"GET /metrics HTTP/1.1\r\n").await.expect("sent");
    let trickle = async {
        let mut beat = tokio::time::interval(Duration::from_millis(20));
        // Ends when the other side has closed and the system says so.
        while stream.write_all(b"X: y\r\n").await.is_ok() {
            beat.tick().await;
        }
    };
    timeout(CLOSED_WITHIN, trickle).await.expect("closed in time");
    server.stop().await;
}

#[tokio::test]
async fn a_giant_head_is_refused_while_others_are_served() {
    let server = start(HttpParams::default(), &[]).await;
    let mut stream = connect(&server).await;
    let head = format!("GET /metrics HTTP/1.1\r\nX-Big: {}\r\n\r\n", "a".repeat(100_000));
    // The listener may close before all of it is sent.
    let _sent = stream.write_all(head.as_bytes()).await;
    let (line, _) = status(&server, "GET", "/metrics").await;
    assert_eq!(line, "HTTP/1.1 200 OK");
    let answer = rest(&mut stream).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
    server.stop().await;
}

#[tokio::test]
async fn a_reader_that_does_not_read_is_let_go() {
    let registry = Registry::new();
    for n in 0..2_000 {
        let counter = IntCounter::new(format!("humdrum_test_{n}_total"), "long ".repeat(1_000)).expect("a counter");
        registry.register(Box::new(counter)).expect("a free name");
    }
    let params = HttpParams { connections_max: 1, ..params() };
    let address = "127.0.0.1:0".parse().expect("an address");
    let server = HttpServer::start(address, params, registry, Arc::new(|| Ok(()))).await.expect("a listener");
    let mut lazy = connect(&server).await;
    lazy.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("sent");
    // The only slot is free again although `lazy` has read nothing.
    let (line, _) = timeout(CLOSED_WITHIN, status(&server, "GET", "/healthz")).await.expect("a free slot");
    assert_eq!(line, "HTTP/1.1 200 OK");
    server.stop().await;
}

#[tokio::test]
async fn further_connections_wait_for_a_free_slot() {
    let server = start(HttpParams { connections_max: 2, ..params() }, &[]).await;
    let mut silent = Vec::new();
    for _ in 0..6 {
        silent.push(connect(&server).await);
    }
    let (line, _) = timeout(CLOSED_WITHIN, status(&server, "GET", "/healthz")).await.expect("a free slot");
    assert_eq!(line, "HTTP/1.1 200 OK");
    server.stop().await;
}

#[tokio::test]
async fn stopping_lets_go_of_the_address() {
    let server = start(HttpParams::default(), &[]).await;
    let address = server.address();
    let _silent = connect(&server).await;
    timeout(CLOSED_WITHIN, server.stop()).await.expect("an idle connection does not hold it up");
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_taken_address_is_told() {
    let server = start(params(), &[]).await;
    let taken = HttpServer::start(server.address(), params(), Registry::new(), Arc::new(|| Ok(()))).await;
    let error = taken.expect_err("a taken address");
    assert_eq!(error.to_string(), format!("metrics listener cannot be opened on {}", server.address()));
    server.stop().await;
}
