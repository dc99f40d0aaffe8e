//! One field for everything: bots, incidents, and the id of an alert.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use serde::{Deserialize, Serialize};

use super::{answer, bots, incidents};
use crate::detect::Engine;
use crate::runtime::console::asked::Asked;
use crate::runtime::console::desk::Desk;
use crate::runtime::console::fault::PageFault;
use crate::runtime::console::rows::BotRow;
use crate::runtime::console::story::StoryRow;

/// Rows of each kind.
const ROWS_MAX: usize = 20;
/// Characters from which a text may be the beginning of an alert's id.
const ID_CHARS_MIN: usize = 8;

/// What is looked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::runtime::console) struct Wanted {
    pub q: String,
}

#[derive(Serialize)]
struct Found {
    q: String,
    bots: Vec<BotRow>,
    bots_total: usize,
    incidents: Vec<StoryRow>,
    incidents_total: usize,
}

/// The page.
pub(in crate::runtime::console) async fn search(
    State(desk): State<Arc<Desk>>,
    Asked(wanted): Asked<Wanted>,
) -> Response {
    let page = page(&desk, wanted.q.trim()).await;
    answer(&desk, page)
}

async fn page(desk: &Arc<Desk>, q: &str) -> Result<Response, PageFault> {
    if q.len() >= ID_CHARS_MIN
        && let Some(alert) = desk.archive.by_id(q)
    {
        return Ok(Redirect::to(&format!("/incidents/{}", alert.incident)).into_response());
    }
    let now = desk.inquiry.ask(Engine::watermark).await?;
    let rolls = desk.roster.rolls().await;
    let bots = bots::Wanted { q: q.to_owned(), ..bots::Wanted::default() }.of(&rolls);
    let wanted = incidents::Wanted { q: q.to_owned(), ..incidents::Wanted::default() };
    let mut incidents = desk.stories().await;
    incidents.retain(|row| wanted.takes(row));
    let found = Found {
        q: q.to_owned(),
        bots_total: bots.len(),
        bots: bots.into_iter().take(ROWS_MAX).cloned().collect(),
        incidents_total: incidents.len(),
        incidents: incidents.into_iter().take(ROWS_MAX).collect(),
    };
    desk.page("search.html", "", now, &found)
}
