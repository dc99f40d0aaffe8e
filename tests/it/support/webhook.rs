//! A real HTTP endpoint that records what it gets and answers by script.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use tokio::task::JoinHandle;

/// One scripted answer.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// A status.
    Status(u16),
    /// A status with a header.
    With(u16, &'static str, String),
    /// None at all, for ever.
    Hang,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Recorded {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// What a request deserves by its body, whatever the script says; none leaves it to the script.
pub(crate) type Rule = Box<dyn Fn(&[u8]) -> Option<Answer> + Send + Sync>;

/// A running endpoint. When the script is used up it answers 200.
#[derive(Debug)]
pub(crate) struct Endpoint {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    script: Mutex<VecDeque<Answer>>,
    requests: Mutex<Vec<Recorded>>,
    rule: Rule,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("script", &self.script).finish_non_exhaustive()
    }
}

impl Endpoint {
    pub(crate) async fn start(script: impl IntoIterator<Item = Answer>) -> Self {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0)), script).await
    }

    /// The same at an address that the test has chosen.
    pub(crate) async fn start_at(address: SocketAddr, script: impl IntoIterator<Item = Answer>) -> Self {
        Self::start_ruled(address, script, Box::new(|_| None)).await
    }

    /// The same with a rule.
    pub(crate) async fn start_ruled(address: SocketAddr, script: impl IntoIterator<Item = Answer>, rule: Rule) -> Self {
        let script = Mutex::new(script.into_iter().collect());
        let shared = Arc::new(Shared { script, requests: Mutex::default(), rule });
        let router = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        let listener = tokio::net::TcpListener::bind(address).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let task = tokio::spawn(async move { axum::serve(listener, router).await.expect("serves") });
        Self { address, shared, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn requests(&self) -> Vec<Recorded> {
        self.shared.requests.lock().expect("whole").clone()
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let ruled = (shared.rule)(&body);
    shared.requests.lock().expect("whole").push(Recorded { headers, body });
    let next = ruled.or_else(|| shared.script.lock().expect("whole").pop_front());
    let status = |status| StatusCode::from_u16(status).expect("a status");
    match next.unwrap_or(Answer::Status(200)) {
        Answer::Status(code) => status(code).into_response(),
        Answer::With(code, name, value) => (status(code), [(name, value)]).into_response(),
        Answer::Hang => std::future::pending().await,
    }
}
