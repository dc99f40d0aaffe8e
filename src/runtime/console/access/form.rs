//! Signing in and out.

use std::sync::Arc;

use axum::Form;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde::{Deserialize, Serialize};

use super::{COOKIE, is_foreign, token};
use crate::runtime::clock;
use crate::runtime::console::desk::Desk;

/// Bytes of a name or a password. Longer ones only cost time.
const BYTES_MAX: usize = 256;
/// Seconds for which a form can be sent.
const FORM_SECS: i64 = 3600;

/// Where to go behind the sign-in.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::runtime::console) struct Next {
    to: String,
}

/// What the form sends.
#[derive(Deserialize)]
pub(in crate::runtime::console) struct Entry {
    name: String,
    password: String,
    token: String,
    #[serde(default)]
    to: String,
}

/// What the form to sign out sends.
#[derive(Debug, Deserialize)]
pub(in crate::runtime::console) struct Leave {
    token: String,
}

#[derive(Serialize)]
struct Page<'a> {
    to: &'a str,
    token: String,
    trouble: Option<String>,
    name: &'a str,
}

/// The form.
pub(in crate::runtime::console) async fn sign_in(State(desk): State<Arc<Desk>>, Query(next): Query<Next>) -> Response {
    page(&desk, StatusCode::OK, own(&next.to), "", None)
}

/// Takes the form.
pub(in crate::runtime::console) async fn enter(
    State(desk): State<Arc<Desk>>,
    headers: HeaderMap,
    Form(entry): Form<Entry>,
) -> Response {
    let to = own(&entry.to);
    if is_foreign(&headers) || !desk.access.holds(&entry.token) {
        let trouble = "The form is too old, or came from elsewhere; send it again.".to_owned();
        return page(&desk, StatusCode::FORBIDDEN, to, "", Some(trouble));
    }
    let name: String = entry.name.trim().chars().take(BYTES_MAX).collect();
    if let Some(wait) = desk.access.throttle.wait(&name) {
        let trouble = format!("Too many attempts; try again in {} s.", wait.as_secs() + 1);
        return page(&desk, StatusCode::TOO_MANY_REQUESTS, to, &name, Some(trouble));
    }
    let short = entry.password.len() <= BYTES_MAX;
    let fits = short && desk.access.is_user(&name, entry.password).await;
    desk.access.throttle.note(&name, fits);
    let session = if fits { desk.access.sessions.begin(&name) } else { None };
    let Some(session) = session else {
        tracing::warn!(name, "a sign-in to the console failed");
        return page(&desk, StatusCode::UNAUTHORIZED, to, &name, Some("Name and password do not fit.".to_owned()));
    };
    tracing::info!(name, "signed in to the console");
    with_cookie(&format!("{COOKIE}={session}; Path=/; Secure; HttpOnly; SameSite=Strict"), to)
}

/// Ends the session.
pub(in crate::runtime::console) async fn leave(
    State(desk): State<Arc<Desk>>,
    headers: HeaderMap,
    Form(form): Form<Leave>,
) -> Response {
    if is_foreign(&headers) || !desk.access.holds(&form.token) {
        return (StatusCode::FORBIDDEN, "the form is too old, or came from elsewhere\n").into_response();
    }
    if let Some(token) = token(&headers) {
        desk.access.sessions.end(token);
    }
    with_cookie(&format!("{COOKIE}=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0"), "/sign-in")
}

impl super::Access {
    /// A token for a form: a time, signed.
    pub(in crate::runtime::console) fn form_token(&self) -> String {
        let at = clock::wall().as_micros() / 1_000_000;
        format!("{at}.{}", self.sign(at))
    }

    /// Whether a form's token is ours and not too old.
    fn holds(&self, token: &str) -> bool {
        let Some((at, signature)) = token.split_once('.') else { return false };
        let Ok(at) = at.parse::<i64>() else { return false };
        let age = clock::wall().as_micros() / 1_000_000 - at;
        let own = blake3::Hash::from_hex(signature).is_ok_and(|signature| signature == self.sign(at));
        own && (0..=FORM_SECS).contains(&age)
    }

    /// Compared in constant time, as hashes are.
    fn sign(&self, at: i64) -> blake3::Hash {
        blake3::keyed_hash(&self.key, &at.to_le_bytes())
    }
}

fn page(desk: &Desk, status: StatusCode, to: &str, name: &str, trouble: Option<String>) -> Response {
    let page = Page { to, token: desk.access.form_token(), trouble, name };
    match desk.page("sign-in.html", "", None, &page) {
        Ok(mut response) => {
            *response.status_mut() = status;
            response
        }
        Err(fault) => desk.fault(&fault),
    }
}

fn with_cookie(cookie: &str, to: &str) -> Response {
    let mut response = Redirect::to(to).into_response();
    if let Ok(cookie) = HeaderValue::from_str(cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

/// A place of our own: whatever could lead elsewhere leads to the overview.
pub(super) fn own(to: &str) -> &str {
    let plain = to.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if to.starts_with('/') && !to.starts_with("//") && plain { to } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::super::Access;
    use super::*;

    #[test]
    fn no_way_leads_elsewhere() {
        for (to, leads) in [
            ("/bots?q=a", "/bots?q=a"),
            ("//evil.com", "/"),
            ("https://evil.com", "/"),
            ("/\\evil.com", "/"),
            ("/a\r\nb", "/"),
            ("", "/"),
        ] {
            assert_eq!(own(to), leads, "{to:?}");
        }
    }

    #[test]
    fn a_form_of_another_process_is_refused() {
        let (ours, theirs) = (Access::open(None).expect("opens"), Access::open(None).expect("opens"));
        let token = ours.form_token();
        assert!(ours.holds(&token) && !theirs.holds(&token));
        for bad in ["", ".", "1.aa", &token.replace('.', ""), &token[..token.len() - 1]] {
            assert!(!ours.holds(bad), "{bad}");
        }
    }
}
