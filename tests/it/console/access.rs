//! Who is let in: sign-in, its throttle, its cookie, and TLS.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use humdrum::config::ConsoleConfig;
use humdrum::detect::Settings;
use humdrum::registry::Registry;
use humdrum::runtime::console::{Console, hash};
use reqwest::header::{COOKIE, LOCATION, ORIGIN, SET_COOKIE, WWW_AUTHENTICATE};

use crate::support::console::{Stand, desk, settings};
use crate::support::files::write;

const PASSWORD: &str = "correct horse battery";

/// A console with one user.
async fn guarded(dir: &std::path::Path) -> Stand {
    let users = dir.join("users");
    write(&users, format!("# ours\nann:{}\n", hash(PASSWORD).expect("hashes")));
    Stand::blank(&ConsoleConfig { users_file: Some(users), ..settings() }).await
}

/// A fresh form: its token, and the cookie that came with it.
struct Fresh {
    token: String,
    cookie: String,
}

async fn form(stand: &Stand) -> Fresh {
    let answer = stand.http.get(stand.url("/sign-in")).send().await.expect("an answer");
    let cookie = answer.headers()[SET_COOKIE].to_str().expect("text").split(';').next().expect("a pair").to_owned();
    let page = answer.text().await.expect("a page");
    for told in ["No event has arrived yet", "Sign out"] {
        assert!(!page.contains(told), "a stranger is told {told}");
    }
    let (_, rest) = page.split_once("name=\"token\" value=\"").expect("a token");
    Fresh { token: rest.split_once('"').expect("an end").0.to_owned(), cookie }
}

async fn enter(stand: &Stand, password: &str, form: &Fresh, origin: Option<&str>) -> reqwest::Response {
    let encode = |text: &str| text.replace(' ', "+").replace('/', "%2F");
    let body = format!("name=ann&password={}&token={}&to={}", encode(password), form.token, encode("/bots"));
    let mut request = stand.http.post(stand.url("/sign-in")).header(COOKIE, &form.cookie).body(body);
    request = request.header("content-type", "application/x-www-form-urlencoded");
    if let Some(origin) = origin {
        request = request.header(ORIGIN, origin);
    }
    request.send().await.expect("an answer")
}

/// What is logged on this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no panic").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// The lines about comings and goings: what, how it ended, and whose name.
    fn audit(&self) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().expect("no panic").clone()).expect("text");
        let lines = text.lines().filter(|line| line.contains(" audit=\""));
        let told = |line: &str| {
            assert!(line.contains("address=\"127.0.0.1:"), "{line}");
            let words = line.split(['=', ' ']).filter(|word| word.starts_with('"')).take(3);
            words.map(|word| word.trim_matches('"')).collect::<Vec<_>>().join(" ")
        };
        lines.map(told).collect()
    }
}

#[tokio::test]
async fn who_signs_in_is_let_in_until_they_sign_out() {
    let log = Log::default();
    let writer = log.clone();
    let logger = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let _here = tracing::subscriber::set_default(logger);
    // Where there is one subscriber alone, what another test's thread logs first is asked of that thread's, which has none,
    // and would be off for this one as well.
    let _beside = tracing::Dispatch::new(tracing_subscriber::fmt().with_writer(io::sink).finish());
    let dir = tempfile::tempdir().expect("a directory");
    let stand = guarded(dir.path()).await;
    let shut = stand.http.get(stand.url("/bots?q=a")).send().await.expect("an answer");
    assert_eq!(shut.headers()[LOCATION], "/sign-in?to=%2Fbots%3Fq%3Da");
    for (path, scheme) in [("/api/v1/bots", true), ("/live", false)] {
        let answer = stand.http.get(stand.url(path)).send().await.expect("an answer");
        assert_eq!(
            (answer.status().as_u16(), answer.headers().contains_key(WWW_AUTHENTICATE)),
            (401, scheme),
            "{path}"
        );
        assert!(!answer.headers().contains_key("strict-transport-security"), "no TLS is spoken here");
    }
    assert_eq!(stand.get("/static/console.css").await.0, 200);
    let basic = |password: &str| stand.http.get(stand.url("/api/v1/bots")).basic_auth("ann", Some(password)).send();
    assert_eq!(basic("wrong").await.expect("an answer").status().as_u16(), 401);
    assert_eq!(basic(PASSWORD).await.expect("an answer").status().as_u16(), 200, "programs sign in with each request");
    let link = stand.http.get(stand.url("/bots?q=\"a")).header("sec-fetch-site", "cross-site");
    let link = link.header("sec-fetch-mode", "navigate").send().await.expect("an answer");
    let page = link.text().await.expect("a page");
    assert!(page.contains("url=&#x2f;bots?q=%22a\""), "a link from elsewhere takes one more step: {page}");
    let entered = enter(&stand, PASSWORD, &form(&stand).await, None).await;
    assert_eq!((entered.status().as_u16(), &entered.headers()[LOCATION]), (303, &"/bots".parse().expect("a value")));
    let cookie = entered.headers()[SET_COOKIE].to_str().expect("text");
    assert!(
        cookie.starts_with("__Host-humdrum=") && cookie.ends_with("; Path=/; Secure; HttpOnly; SameSite=Strict"),
        "{cookie}"
    );
    let session = cookie.split(';').next().expect("a pair").to_owned();
    let read = |path: &str| stand.http.get(stand.url(path)).header(COOKIE, session.clone()).send();
    let page = read("/").await.expect("an answer").text().await.expect("a page");
    let (_, rest) =
        page.split_once("action=\"/sign-out\"><input type=\"hidden\" name=\"token\" value=\"").expect("a form");
    let leave = rest.split_once('"').expect("an end").0;
    let forged = stand.http.post(stand.url("/sign-out")).header(COOKIE, session.clone());
    let forged = forged.header("content-type", "application/x-www-form-urlencoded").body("token=1.2");
    assert_eq!(forged.send().await.expect("an answer").status().as_u16(), 403);
    assert_eq!(read("/api/v1/bots").await.expect("an answer").status().as_u16(), 200);
    let left = stand.http.post(stand.url("/sign-out")).header(COOKIE, session.clone());
    let left = left.header("content-type", "application/x-www-form-urlencoded").body(format!("token={leave}"));
    assert_eq!(left.send().await.expect("an answer").status().as_u16(), 303);
    assert_eq!(read("/api/v1/bots").await.expect("an answer").status().as_u16(), 401);
    assert_eq!(enter(&stand, "wrong", &form(&stand).await, None).await.status().as_u16(), 401);
    let told = ["program failure ann", "program success ann", "sign-in success ann", "sign-out success ann"];
    assert_eq!(log.audit(), [&told[..], &["sign-in failure ann"]].concat());
    stand.stop().await;
}

#[tokio::test]
async fn guesses_and_forged_forms_are_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let stand = guarded(dir.path()).await;
    let form = form(&stand).await;
    let forged = Fresh { token: "1.2".to_owned(), cookie: form.cookie.clone() };
    assert_eq!(enter(&stand, PASSWORD, &forged, None).await.status().as_u16(), 403, "another form");
    let moved = Fresh { token: form.token.clone(), cookie: "__Host-humdrum-form=a".to_owned() };
    assert_eq!(enter(&stand, PASSWORD, &moved, None).await.status().as_u16(), 403, "another browser");
    assert_eq!(enter(&stand, PASSWORD, &form, Some("https://evil.example")).await.status().as_u16(), 403, "elsewhere");
    for _ in 0..5 {
        assert_eq!(enter(&stand, "wrong", &form, None).await.status().as_u16(), 401);
    }
    let throttled = enter(&stand, PASSWORD, &form, None).await;
    assert_eq!(throttled.status().as_u16(), 429, "after five guesses not even the right one");
    assert!(throttled.text().await.expect("a page").contains("Too many attempts; try again in "));
    stand.stop().await;
}

#[tokio::test]
async fn it_speaks_tls_where_a_certificate_is_given() {
    rustls::crypto::ring::default_provider().install_default().ok();
    let dir = tempfile::tempdir().expect("a directory");
    let issued = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    let (cert, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
    write(&cert, issued.cert.pem());
    write(&key, issued.signing_key.serialize_pem());
    let stand = Stand::blank(&ConsoleConfig { tls: Some((cert.clone(), key)), ..settings() }).await;
    let trusted = reqwest::Certificate::from_pem(issued.cert.pem().as_bytes()).expect("a certificate");
    let http = reqwest::Client::builder().add_root_certificate(trusted).build().expect("a client");
    let url = format!("https://localhost:{}/", stand.console.address().port());
    let answer = http.get(url).send().await.expect("an answer");
    assert_eq!(answer.headers()["strict-transport-security"], "max-age=31536000");
    let page = answer.text().await.expect("a page");
    assert!(page.contains("Humdrum"), "{page}");
    stand.stop().await;
}

#[tokio::test]
async fn a_file_that_cannot_be_used_is_told_at_the_start() {
    let dir = tempfile::tempdir().expect("a directory");
    let users = dir.path().join("users");
    write(&users, "ann:secret\n");
    for (config, told) in [
        (ConsoleConfig { users_file: Some(users.clone()), ..settings() }, "line 1: no hash in PHC's form"),
        (ConsoleConfig { tls: Some((users.clone(), users.clone())), ..settings() }, "users is no certificate in PEM"),
        (ConsoleConfig { users_file: Some(dir.path().join("none")), ..settings() }, "users cannot be read from "),
    ] {
        let (inquiry, _inbox) = humdrum::runtime::inquiry::inquiry(|| {});
        let engine = humdrum::detect::Engine::new(Settings::default(), Registry::default());
        let parts = humdrum::runtime::console::ConsoleParts {
            inquiry,
            feedbacks: desk(&engine).0,
            archive: humdrum::runtime::archive::Archive::default(),
            evidence: humdrum::runtime::evidence::Evidence::Nowhere,
            health: None,
        };
        let error = Console::start(&config, parts).await.expect_err("a fault").to_string();
        assert!(error.contains(told), "{error}");
    }
}
