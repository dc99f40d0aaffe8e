//! Signing in and out.

use std::sync::Arc;

use axum::Form;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde::{Deserialize, Serialize};

use super::{COOKIE, SESSION, cookie, is_foreign, random, token};
use crate::runtime::clock;
use crate::runtime::console::desk::Desk;

/// Bytes of a name or a password. Longer ones only cost time.
const BYTES_MAX: usize = 256;
/// Says which browser a sign-in form was made for.
const FORM_COOKIE: &str = "__Host-humdrum-form";
/// Seconds for which a sign-in form can be sent.
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
    Query(next): Query<Next>,
) -> Response {
    page(&desk, &headers, StatusCode::OK, own(&next.to), "", None)
}

/// Takes the form.
pub(in crate::runtime::console) async fn enter(
    State(desk): State<Arc<Desk>>,
    headers: HeaderMap,
    Form(entry): Form<Entry>,
) -> Response {
    let to = own(&entry.to);
    let browser = cookie(&headers, FORM_COOKIE).unwrap_or_default();
    if is_foreign(&headers) || !desk.access.holds(&entry.token, browser) {
        let trouble = "The form is too old, or came from elsewhere; send it again.".to_owned();
        return page(&desk, &headers, StatusCode::FORBIDDEN, to, "", Some(trouble));
    }
    let name: String = entry.name.trim().chars().take(BYTES_MAX).collect();
    let short = entry.password.len() <= BYTES_MAX;
    let checked = if short { desk.access.is_user(&name, entry.password).await } else { Ok(false) };
    let fits = match checked {
        Ok(fits) => fits,
        Err(wait) => {
            let trouble = format!("Too many attempts; try again in {} s.", wait.as_secs() + 1);
            return page(&desk, &headers, StatusCode::TOO_MANY_REQUESTS, to, &name, Some(trouble));
        }
    };
    let session = if fits { desk.access.sessions.begin(&name) } else { None };
    let Some(session) = session else {
        tracing::warn!(name, "a sign-in to the console failed");
        let trouble = Some("Name and password do not fit.".to_owned());
        return page(&desk, &headers, StatusCode::UNAUTHORIZED, to, &name, trouble);
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
    let session = token(&headers).unwrap_or_default();
    let own = blake3::Hash::from_hex(&form.token).is_ok_and(|sent| sent == desk.access.sign("sign-out", session));
    if is_foreign(&headers) || !own {
        return (StatusCode::FORBIDDEN, "the form is of another session, or came from elsewhere\n").into_response();
    }
    desk.access.sessions.end(session);
    with_cookie(&format!("{COOKIE}=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0"), "/sign-in")
}

impl super::Access {
    /// A token for the form to sign out, for whoever is signed in. It holds for as long as the session.
    pub(in crate::runtime::console) fn leave_token(&self) -> Option<String> {
        SESSION.try_with(|session| self.sign("sign-out", session).to_string()).ok()
    }

    /// A token for a sign-in form in one browser: a time, signed.
    fn form_token(&self, browser: &str) -> String {
        let at = now_secs();
        format!("{at}.{}", self.sign(&at.to_string(), browser))
    }

    /// Whether a sign-in form's token is ours, of this browser, and not too old.
    fn holds(&self, token: &str, browser: &str) -> bool {
        let Some((text, signature)) = token.split_once('.') else { return false };
        let Ok(at) = text.parse::<i64>() else { return false };
        let own = blake3::Hash::from_hex(signature).is_ok_and(|signature| signature == self.sign(text, browser));
        own && !browser.is_empty() && (0..=FORM_SECS).contains(&(now_secs() - at))
    }

    /// Compared in constant time, as hashes are.
    fn sign(&self, what: &str, whose: &str) -> blake3::Hash {
        blake3::keyed_hash(&self.key, format!("{what}\0{whose}").as_bytes())
    }
}

fn now_secs() -> i64 {
    clock::wall().as_micros() / 1_000_000
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
        return (StatusCode::INTERNAL_SERVER_ERROR, "the system gives no randomness\n").into_response();
    };
    let page = Page { to, token: desk.access.form_token(&browser), trouble, name };
    match desk.page("sign-in.html", "", None, &page) {
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
    fn a_form_of_another_process_or_browser_is_refused() {
        let (ours, theirs) = (Access::open(None).expect("opens"), Access::open(None).expect("opens"));
        let token = ours.form_token("a");
        assert!(ours.holds(&token, "a") && !theirs.holds(&token, "a") && !ours.holds(&token, "b"));
        assert!(!ours.holds(&ours.form_token(""), ""), "a browser without its cookie");
        for bad in ["", ".", "1.aa", &token.replace('.', ""), &token[..token.len() - 1]] {
            assert!(!ours.holds(bad, "a"), "{bad}");
        }
    }
}
