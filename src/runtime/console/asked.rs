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

/// The words of a library without its own beginning.
fn plain(text: &str) -> String {
    let text = text.rsplit_once("deserialize query string: ").map_or(text, |(_, rest)| rest);
    text.rsplit_once("deserialize form body: ").map_or(text, |(_, rest)| rest).to_owned()
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
