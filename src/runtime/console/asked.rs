//! What comes with a request: queries, names in paths, and forms. What is wrong with it is told as a page, or as a problem
//! where programs ask, and a body that trickles or grows is cut off before anybody waits for it.

use std::sync::Arc;
use std::time::Duration;

use axum::Form;
use axum::body::{Body, to_bytes};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::desk::Desk;
use super::fault::PageFault;

/// Bytes of a body.
const BODY_BYTES_MAX: usize = 16 * 1024;
/// Time in which a body must be there. Longer lets few slow senders hold all connections.
const BODY_DEADLINE: Duration = Duration::from_secs(5);

/// What the standard library says of a text that is no whole number, or not one of its size.
const NO_NUMBER: [&str; 4] = [
    "invalid digit found in string",
    "cannot parse integer from empty string",
    "number too large to fit in target type",
    "number too small to fit in target type",
];

/// A query.
pub(super) struct Asked<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<Arc<Desk>> for Asked<T> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, desk: &Arc<Desk>) -> Result<Self, Response> {
        let asked = Query::<T>::try_from_uri(&parts.uri).map(|Query(asked)| Self(asked));
        asked.map_err(|wrong| desk.told(parts.uri.path(), &PageFault::Asked(plain(&wrong.body_text()))))
    }
}

/// A name in the path.
pub(super) struct Named(pub String);

impl FromRequestParts<Arc<Desk>> for Named {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, desk: &Arc<Desk>) -> Result<Self, Response> {
        let named = Path::<String>::from_request_parts(parts, desk).await.map(|Path(name)| Self(name));
        named.map_err(|_| desk.told(parts.uri.path(), &PageFault::Missing("there is no such page".to_owned())))
    }
}

/// A form.
pub(super) struct Sent<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Arc<Desk>> for Sent<T> {
    type Rejection = Response;

    async fn from_request(request: Request, desk: &Arc<Desk>) -> Result<Self, Response> {
        let path = request.uri().path().to_owned();
        let sent = Form::<T>::from_request(request, desk).await.map(|Form(sent)| Self(sent));
        sent.map_err(|wrong| desk.told(&path, &PageFault::Sent(plain(&wrong.body_text()))))
    }
}

/// The words of a library without its own beginning, and in ours where it speaks of a number's digits.
fn plain(text: &str) -> String {
    let text = text.rsplit_once("deserialize query string: ").map_or(text, |(_, rest)| rest);
    let text = text.rsplit_once("deserialize form body: ").map_or(text, |(_, rest)| rest);
    match text.split_once(": ") {
        Some((name, why)) if NO_NUMBER.contains(&why) => format!("{name} is to be a whole number"),
        _ => text.to_owned(),
    }
}

/// Takes the body in whole before anything looks at the request.
pub(super) async fn whole(State(desk): State<Arc<Desk>>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let fault = match timeout(BODY_DEADLINE, to_bytes(body, BODY_BYTES_MAX)).await {
        Ok(Ok(bytes)) => return next.run(Request::from_parts(parts, Body::from(bytes))).await,
        Ok(Err(_)) => PageFault::Long,
        Err(_) => PageFault::Slow,
    };
    let mut response = desk.told(parts.uri.path(), &fault);
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_is_said_in_words() {
        for text in ["-1", "one", "", "99999999999999999999999", "1.5"] {
            let uri = format!("/bots?page={text}").parse().expect("an address");
            let wrong = Query::<std::collections::HashMap<String, usize>>::try_from_uri(&uri).expect_err("no number");
            assert_eq!(plain(&wrong.body_text()), "page is to be a whole number", "{text}");
        }
        assert_eq!(plain("Failed to deserialize query string: missing field `bot`"), "missing field `bot`");
    }
}
