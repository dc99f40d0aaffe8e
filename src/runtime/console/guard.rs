//! What every request and every answer goes through: the names that the console answers to, and the policy that lets
//! nothing run but its own files.
//!
//! A page elsewhere can make a browser send requests to loopback under a name of its own (DNS rebinding); the name is then
//! not one of ours, and the request is refused before anything is looked at.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::runtime::clock;

/// No script, no style, no frame and no address but the console's own.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// Headers of every answer.
const HEADERS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "same-origin"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// For how long a browser that came over TLS must come over TLS again.
const ONLY_TLS: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// What requests and answers go through.
#[derive(Clone, Debug)]
pub(super) struct Guard {
    hosts: Hosts,
    tls: bool,
}

impl Guard {
    /// Of a console that is known by these names besides those of loopback, and speaks TLS or does not.
    pub(super) fn new(hosts: Vec<String>, tls: bool) -> Self {
        Self { hosts: Hosts::new(hosts), tls }
    }
}

/// The names that the console answers to.
#[derive(Clone, Debug)]
struct Hosts(Arc<[String]>);

impl Hosts {
    /// Those of loopback, and these.
    fn new(named: Vec<String>) -> Self {
        Self(named.into_iter().map(|name| name.to_ascii_lowercase()).collect())
    }

    /// Whether a `Host` header names the console, whatever the port.
    fn knows(&self, host: &str) -> bool {
        let name = match host.strip_prefix('[') {
            Some(rest) => rest.split_once(']').map_or("", |(name, _)| name),
            None => host.rsplit_once(':').map_or(host, |(name, _)| name),
        };
        let loopback = name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        loopback
            || name.eq_ignore_ascii_case("localhost")
            || self.0.iter().any(|known| known.eq_ignore_ascii_case(name))
    }

    fn admits(&self, headers: &HeaderMap) -> bool {
        let mut hosts = headers.get_all(header::HOST).iter();
        let first = hosts.next().and_then(|host| host.to_str().ok());
        hosts.next().is_none() && first.is_some_and(|host| self.knows(host))
    }
}

/// Refuses foreign names; sets the headers, and the time that the answer took.
pub(super) async fn guard(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let began = clock::monotonic();
    let mut response = if guard.hosts.admits(request.headers()) {
        next.run(request).await
    } else {
        let text = "the console is not known by this name; `console.hosts` lists its names\n";
        (StatusCode::MISDIRECTED_REQUEST, text).into_response()
    };
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if guard.tls {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, ONLY_TLS);
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    let took = format!("page;dur={:.1}", (clock::monotonic() - began).as_secs_f64() * 1e3);
    if let Ok(took) = HeaderValue::try_from(took) {
        headers.insert(HeaderName::from_static("server-timing"), took);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_names_are_answered() {
        let hosts = Hosts::new(vec!["Humdrum.example.com".to_owned()]);
        let known =
            ["localhost:9465", "127.0.0.1:9465", "[::1]:9465", "LOCALHOST", "humdrum.EXAMPLE.com:443", "127.9.9.9"];
        for host in known {
            assert!(hosts.knows(host), "{host}");
        }
        for host in ["evil.com", "localhost.evil.com", "10.0.0.1:9465", "", "[::2]", "humdrum.example.com.evil.com"] {
            assert!(!hosts.knows(host), "{host}");
        }
    }

    #[test]
    fn two_names_are_none() {
        let mut headers = HeaderMap::new();
        assert!(!Hosts::new(Vec::new()).admits(&headers));
        headers.append(header::HOST, HeaderValue::from_static("localhost"));
        assert!(Hosts::new(Vec::new()).admits(&headers));
        headers.append(header::HOST, HeaderValue::from_static("localhost"));
        assert!(!Hosts::new(Vec::new()).admits(&headers));
    }
}
