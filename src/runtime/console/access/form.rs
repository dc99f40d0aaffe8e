//! Signing in and out.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde::{Deserialize, Serialize};

use super::{COOKIE, audit, cookie, guest, is_foreign, random, token};
use crate::runtime::console::asked::{Asked, Sent};
use crate::runtime::console::desk::Desk;
use crate::runtime::console::fault::PageFault;
use crate::runtime::http::Peer;

/// Bytes of a name or a password. Longer ones only cost time.
const BYTES_MAX: usize = 256;
/// Says which browser a sign-in form was made for.
const FORM_COOKIE: &str = "__Host-humdrum-form";
/// Seconds for which the form can be sent.
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
pub(in crate::runtime::console) async fn sign_in(
    State(desk): State<Arc<Desk>>,
    headers: HeaderMap,
    Asked(next): Asked<Next>,
) -> Response {
    page(&desk, &headers, StatusCode::OK, own(&next.to), "", None)
}

/// Takes the form.
pub(in crate::runtime::console) async fn enter(
    State(desk): State<Arc<Desk>>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    Sent(entry): Sent<Entry>,
) -> Response {
    let peer = peer.map(|Extension(peer)| peer);
    let to = own(&entry.to);
    let browser = cookie(&headers, FORM_COOKIE).unwrap_or_default();
    if is_foreign(&headers) || !desk.access.holds(&entry.token, browser, FORM_SECS) {
        let trouble = "The form is too old, or came from elsewhere; send it again.".to_owned();
        return page(&desk, &headers, StatusCode::FORBIDDEN, to, "", Some(trouble));
    }
    let name: String = entry.name.trim().chars().take(BYTES_MAX).collect();
    let short = entry.password.len() <= BYTES_MAX;
    let checked = if short { desk.access.is_user(&name, entry.password).await } else { Ok(false) };
    let fits = match checked {
        Ok(fits) => fits,
        Err(wait) => {
            audit("sign-in", "failure", &name, peer);
            let trouble = format!("Too many attempts; try again in {} s.", wait.as_secs() + 1);
            return page(&desk, &headers, StatusCode::TOO_MANY_REQUESTS, to, &name, Some(trouble));
        }
    };
    let session = if fits { desk.access.sessions.begin(&name) } else { None };
    let Some(session) = session else {
        audit("sign-in", "failure", &name, peer);
        let trouble = Some("Name and password do not fit.".to_owned());
        return page(&desk, &headers, StatusCode::UNAUTHORIZED, to, &name, trouble);
    };
    audit("sign-in", "success", &name, peer);
    with_cookie(&format!("{COOKIE}={session}; Path=/; Secure; HttpOnly; SameSite=Strict"), to)
}

/// Ends the session.
pub(in crate::runtime::console) async fn leave(
    State(desk): State<Arc<Desk>>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    Sent(form): Sent<Leave>,
) -> Response {
    let session = token(&headers).unwrap_or_default();
    if is_foreign(&headers) || !desk.access.may_leave(session, &form.token) {
        return desk.fault(&PageFault::Foreign);
    }
    desk.access.sessions.end(session);
    let name = guest().map(|guest| guest.name).unwrap_or_default();
    audit("sign-out", "success", &name, peer.map(|Extension(peer)| peer));
    with_cookie(&format!("{COOKIE}=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0"), "/sign-in")
}

fn page(
    desk: &Desk,
    headers: &HeaderMap,
    status: StatusCode,
    to: &str,
    name: &str,
    trouble: Option<String>,
) -> Response {
    // Several tabs of one browser share its cookie, so that each of their forms can be sent.
    let known = cookie(headers, FORM_COOKIE).filter(|known| !known.is_empty()).map(str::to_owned);
    let Some(browser) = known.or_else(random) else {
        return desk.fault(&PageFault::Sent("the system gives no randomness".to_owned()));
    };
    let page = Page { to, token: desk.access.form_token(&browser), trouble, name };
    match desk.page("sign-in.html", "door", None, &page) {
        Ok(mut response) => {
            *response.status_mut() = status;
            set(&mut response, &format!("{FORM_COOKIE}={browser}; Path=/; Secure; HttpOnly; SameSite=Strict"));
            response
        }
        Err(fault) => desk.fault(&fault),
    }
}

fn set(response: &mut Response, cookie: &str) {
    if let Ok(cookie) = HeaderValue::from_str(cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
}

fn with_cookie(cookie: &str, to: &str) -> Response {
    let mut response = Redirect::to(to).into_response();
    set(&mut response, cookie);
    response
}

/// A place of our own: whatever could lead elsewhere leads to the overview.
pub(in crate::runtime::console) fn own(to: &str) -> &str {
    let plain = to.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if to.starts_with('/') && !to.starts_with("//") && plain { to } else { "/" }
}

#[cfg(test)]
mod tests {
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
}
