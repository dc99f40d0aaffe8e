//! Who is there: users of a file, sessions in memory, and the door between them and the pages.
//!
//! Without a file of users everybody who reaches the listener is let in, which only loopback may do. With one, pages lead
//! to the sign-in and programs are told to sign in. What a browser sends from a page elsewhere is refused: by where the
//! browser says that it comes from, and by a token that only our own form holds.

mod basic;
mod form;
mod pass;
mod sessions;
mod throttle;
mod users;

pub(super) use form::{enter, leave, own, sign_in};
pub(super) use sessions::random;
pub(super) use users::Role;
pub use users::{UsersError, hash};

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Redirect, Response};
use minijinja::HtmlEscape;
use ring::rand::{SecureRandom, SystemRandom};

use super::fault::{PageFault, is_api};
use super::say;
use crate::runtime::http::Peer;
use basic::Fitted;
use sessions::Sessions;
use throttle::Throttle;
use users::Users;

/// The cookie. Its prefix binds it to this host, to TLS (or loopback) and to all paths.
const COOKIE: &str = "__Host-humdrum";
/// What is open to everybody: the sign-in, and the files that it looks like.
const OPEN: [&str; 2] = ["/sign-in", "/static/"];

/// The header by which the console's script says that a page refreshes itself.
const REFRESH: &str = "x-humdrum-refresh";

/// Who signed in.
#[derive(Clone, Debug)]
pub(super) struct Guest {
    pub name: String,
    pub role: Role,
    /// The token of the session.
    token: String,
}

tokio::task_local! {
    /// Whom a request is answered.
    static GUEST: Guest;
}

/// Whom this request is answered; none where nobody signed in.
pub(super) fn guest() -> Option<Guest> {
    GUEST.try_with(Clone::clone).ok()
}

/// The door.
#[derive(Debug)]
pub(super) struct Access {
    users: Option<Users>,
    sessions: Sessions,
    throttle: Throttle,
    fitted: Fitted,
    /// Signs the tokens of forms.
    key: [u8; 32],
}

impl Access {
    /// With the users of a file, or open to everybody who reaches it.
    pub(super) fn open(users_file: Option<&Path>) -> Result<Self, UsersError> {
        let mut key = [0; 32];
        SystemRandom::new().fill(&mut key).map_err(|_| UsersError::Randomness)?;
        Ok(Self {
            users: users_file.map(Users::read).transpose()?,
            sessions: Sessions::default(),
            throttle: Throttle::default(),
            fitted: Fitted::default(),
            key,
        })
    }

    /// Whether anybody is asked who is there.
    pub(super) fn asks(&self) -> bool {
        self.users.is_some()
    }

    /// Whether whoever asks may give feedback: operators may, and everybody where nobody is asked.
    pub(super) fn decides(&self) -> bool {
        !self.asks() || guest().is_some_and(|guest| guest.role == Role::Operator)
    }

    /// In whose session a request comes.
    fn comes(&self, request: &Request) -> Option<Guest> {
        let token = token(request.headers())?;
        let is_person = request.uri().path() != "/live" && !request.headers().contains_key(REFRESH);
        let name = self.sessions.whom(token, is_person)?;
        let role = self.users.as_ref()?.role(&name);
        Some(Guest { name, role, token: token.to_owned() })
    }

    /// Checks a password on a thread that may compute, or tells how long the name has to wait. The check keeps its turn to
    /// its end, whether or not anybody still waits for it.
    async fn is_user(self: &Arc<Self>, name: &str, password: String) -> Result<bool, Duration> {
        let turn = self.throttle.turn(name).await?;
        let (access, name) = (Arc::clone(self), name.to_owned());
        let check = move || {
            let fits = access.users.as_ref().is_some_and(|users| users.is(&name, &password));
            if fits {
                access.throttle.forgive(&name);
            }
            drop(turn);
            fits
        };
        Ok(tokio::task::spawn_blocking(check).await.unwrap_or(false))
    }
}

/// The session's token in the cookies.
fn token(headers: &HeaderMap) -> Option<&str> {
    cookie(headers, COOKIE)
}

/// A cookie's value.
fn cookie<'a>(headers: &'a HeaderMap, wanted: &str) -> Option<&'a str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == wanted).map(|(_, value)| value)
}

/// Whether a browser says that a request comes from a page elsewhere. One that says nothing of it is asked for its origin.
fn is_foreign(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value: &axum::http::HeaderValue| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return !matches!(site, "same-origin" | "none");
    }
    let (origin, host) = (text("origin"), text("host"));
    let own = |origin: &str| origin.split_once("://").map(|(_, name)| name) == host;
    origin.is_some_and(|origin| !own(origin))
}

/// Whether a person follows a link from a page elsewhere.
fn comes_by_link(headers: &HeaderMap) -> bool {
    let is = |name, value: &str| headers.get(name).is_some_and(|header: &axum::http::HeaderValue| header == value);
    is("sec-fetch-site", "cross-site") && is("sec-fetch-mode", "navigate")
}

/// Lets in who has signed in.
pub(super) async fn door(State(access): State<Arc<Access>>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if let Some(guest) = access.comes(&request) {
        return GUEST.scope(guest, next.run(request)).await;
    }
    if !access.asks() || OPEN.iter().any(|open| path.starts_with(open)) {
        return next.run(request).await;
    }
    if is_api(path) {
        let admitted = access.admits(request.headers(), peer(&request)).await;
        return if admitted { next.run(request).await } else { PageFault::Stranger.problem() };
    }
    if path == "/live" {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let wanted = form::own(request.uri().path_and_query().map_or("/", |wanted| wanted.as_str()));
    if comes_by_link(request.headers()) {
        // The browser keeps the cookie back on a way that begins elsewhere; the next step begins here.
        let wanted = HtmlEscape(wanted);
        let page = format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Humdrum</title>\
             <meta http-equiv=\"refresh\" content=\"0; url={wanted}\"><p><a href=\"{wanted}\">Go on</a></p></html>\n"
        );
        return Html(page).into_response();
    }
    Redirect::to(&format!("/sign-in?to={}", say::query(wanted))).into_response()
}

/// Who is at the other end.
fn peer(request: &Request) -> Option<Peer> {
    request.extensions().get().copied()
}

/// A coming or a going, in the log. Names are what somebody typed.
fn audit(what: &'static str, outcome: &'static str, name: &str, peer: Option<Peer>) {
    let address = peer.map(|Peer(address)| address.to_string());
    if outcome == "failure" {
        tracing::warn!(audit = what, outcome, name, address, "a sign-in to the console failed");
    } else {
        tracing::info!(audit = what, outcome, name, address, "the console's door");
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn what_comes_from_elsewhere_is_foreign() {
        for (pairs, foreign) in [
            (&[("sec-fetch-site", "same-origin")][..], false),
            (&[("sec-fetch-site", "cross-site"), ("origin", "http://a"), ("host", "a")], true),
            (&[("sec-fetch-site", "same-site")], true),
            (&[("origin", "https://a:1"), ("host", "a:1")], false),
            (&[("origin", "https://b"), ("host", "a")], true),
            (&[("origin", "null"), ("host", "a")], true),
            (&[("host", "a")], false),
        ] {
            assert_eq!(is_foreign(&headers(pairs)), foreign, "{pairs:?}");
        }
    }

    #[test]
    fn the_token_is_found_among_other_cookies() {
        assert_eq!(token(&headers(&[("cookie", "a=b; __Host-humdrum=t")])), Some("t"));
        assert_eq!(token(&headers(&[("cookie", "humdrum=t")])), None);
    }
}
