//! Where receivers may lie: what is private is never spoken to unless the settings allow it, whatever it is called.

use std::net::IpAddr;

use humdrum::alert::Severity;
use humdrum::config::{self, Sources};
use humdrum::runtime::clock::Clock;
use humdrum::runtime::metrics::ReceiverMetrics;
use humdrum::runtime::notify::dispatch::{Dispatch, DispatchParams, Owed};
use humdrum::runtime::notify::guard::Lookup;
use prometheus::Registry;

use crate::support::config::alert;
use crate::support::post::{LOCAL, Post, settings};
use crate::support::webhook::{Answer, Endpoint};

/// A name service in which every name stands for these.
fn stands_for(addresses: &'static [&'static str]) -> Lookup {
    let parse = |text: &&str| text.parse::<IpAddr>().expect("an address");
    Lookup::with(move |_| Box::pin(async move { Ok(addresses.iter().map(parse).collect()) }))
}

/// Allows other networks than this machine's.
const OTHER: &str = "allow_networks = ['10.0.0.0/8']";

fn named(port: u16, more: &str) -> String {
    format!("[[receivers]]\nname = 'it'\ntype = 'slack'\nurl = 'http://hooks.example.com:{port}/'\n{more}\n")
}

#[tokio::test]
async fn a_name_that_stands_for_a_private_address_is_not_spoken_to() {
    for addresses in [
        &["127.0.0.1"][..],
        &["::ffff:127.0.0.1"],
        &["93.184.216.34", "127.0.0.1"],
        &["127.0.0.1", "93.184.216.34"],
        &["169.254.169.254"],
        &["64:ff9b::7f00:1"],
    ] {
        let endpoint = Endpoint::start([]).await;
        let text = named(endpoint.address().port(), &format!("{OTHER}\ngive_up_after = '1m'"));
        let post = Post::start_with(&text, None, Some(stands_for(addresses)));
        post.offer(&alert("a1", 1, Severity::High));
        post.attempted("it", "retried", 1).await;
        assert_eq!(post.dispatch.owed().outbox.len(), 1, "{addresses:?}: it waits for the name to be mended");
        post.pass_until("it is given up", |post| post.attempts("it", "abandoned") > 0).await;
        assert!(endpoint.requests().is_empty(), "{addresses:?}");
        // Nobody listens at most of these addresses: what was said shows that it was not even tried.
        let said = post.undelivered()[0]["said"].to_string();
        assert!(said.contains("`hooks.example.com` stands for"), "{addresses:?}: {said}");
    }
}

#[tokio::test]
async fn what_the_machine_itself_calls_localhost_is_not_spoken_to() {
    let endpoint = Endpoint::start([]).await;
    let text = named(endpoint.address().port(), OTHER).replace("hooks.example.com", "localhost");
    let post = Post::start(&text);
    post.offer(&alert("a1", 1, Severity::High));
    post.attempted("it", "retried", 1).await;
    assert!(endpoint.requests().is_empty());
}

#[tokio::test]
async fn an_allowed_address_is_spoken_to_and_the_name_is_kept() {
    let endpoint = Endpoint::start([]).await;
    let text = named(endpoint.address().port(), LOCAL);
    let post = Post::start_with(&text, None, Some(stands_for(&["127.0.0.1"])));
    post.offer(&alert("a1", 1, Severity::High));
    post.attempted("it", "delivered", 1).await;
    let host = format!("hooks.example.com:{}", endpoint.address().port());
    assert_eq!(endpoint.requests()[0].headers["host"], host.as_str());
}

#[tokio::test]
async fn a_redirect_leads_nowhere() {
    let inner = Endpoint::start([]).await;
    for status in [301, 302, 303, 307, 308] {
        let outer = Endpoint::start([Answer::With(status, "location", inner.url())]).await;
        let text = named(outer.address().port(), LOCAL);
        let post = Post::start_with(&text, None, Some(stands_for(&["127.0.0.1"])));
        post.offer(&alert("a1", 1, Severity::High));
        post.attempted("it", "refused", 1).await;
        assert_eq!(outer.requests().len(), 1, "{status}");
    }
    assert!(inner.requests().is_empty());
}

#[tokio::test]
async fn an_address_written_as_such_is_refused_at_the_start() {
    rustls::crypto::ring::default_provider().install_default().ok();
    for (host, told) in [
        ("127.0.0.1", "a loopback address"),
        ("127.1", "127.0.0.1, a loopback address"),
        ("2130706433", "127.0.0.1, a loopback address"),
        ("0x7f.0.0.1", "127.0.0.1, a loopback address"),
        ("0177.0.0.1", "127.0.0.1, a loopback address"),
        ("[::ffff:127.0.0.1]", "a loopback address"),
        ("[::1]", "a loopback address"),
        ("169.254.169.254", "a link-local address"),
        ("10.0.0.1", "a private address"),
    ] {
        let text = named(80, "").replace("hooks.example.com", host);
        let sources = Sources { file: Some(&text), ..Sources::default() };
        let faults = config::load(sources, &|_| Ok(None)).expect_err(host).to_string();
        assert!(faults.starts_with("receivers[0].url: "), "{host}: {faults}");
        // And if somebody comes by the settings in another way.
        let mut config = settings(&named(443, "").replace("http:", "https:"));
        config.receivers[0].url = format!("http://{host}/");
        let params =
            DispatchParams { receivers: &config.receivers, clock: Clock::system(), ..DispatchParams::default() };
        let metrics = ReceiverMetrics::new(&Registry::new()).expect("registers");
        let error = Dispatch::start(params, Owed::default(), &metrics).expect_err(host).to_string();
        assert!(error.contains(told), "{host}: {error}");
    }
}
